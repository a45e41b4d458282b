using Gateway.Waking;

namespace Gateway;

/// <summary>What a request says about its user: whether somebody is there, and whether it is use of the machine.</summary>
internal readonly record struct Intent(WakeCause Cause, WakeRight Right, bool IsSocket)
{
    /// <summary>
    /// What may not wake freely does not keep a machine awake either. A socket that a page opened by itself counts by the data that passes on it
    /// (<see cref="DataCounts"/>); that it was opened is no use.
    /// </summary>
    public bool CountsAsUse => Right is WakeRight.Freely;

    public bool DataCounts => Right is not WakeRight.Never;

    /// <param name="request">What is asked for.</param>
    /// <param name="byToken">A token was put there by somebody's program; a cookie goes with whatever a forgotten tab does.</param>
    /// <param name="monitorPaths">What never wakes, with all below.</param>
    public static Intent Of(HttpRequest request, bool byToken, string[] monitorPaths)
    {
        var isSocket = request.IsUpgrade();
        if (IsMonitored(request.Path, monitorPaths))
        {
            return new(WakeCause.Background, WakeRight.Never, isSocket);
        }

        if (isSocket)
        {
            return new(WakeCause.Socket, byToken ? WakeRight.Freely : WakeRight.WithinBudget, IsSocket: true);
        }

        if (!byToken && request.IsBackground())
        {
            return new(WakeCause.Background, WakeRight.WithinBudget, IsSocket: false);
        }

        var cause = request.GetClientKind() is ClientKind.Navigation ? WakeCause.Navigation : WakeCause.Request;
        return new(cause, WakeRight.Freely, IsSocket: false);
    }

    private static bool IsMonitored(PathString path, string[] monitorPaths)
    {
        foreach (var monitored in monitorPaths)
        {
            if (path.StartsWithSegments(monitored, StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }
}
