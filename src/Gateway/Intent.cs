using Gateway.Waking;

namespace Gateway;

/// <summary>What a request says about its user: whether somebody is there, and whether it is use of the machine.</summary>
internal readonly record struct Intent(WakeCause Cause, bool IsSocket, bool CountsAsUse)
{
    /// <summary>A poll that a page makes by itself neither keeps a machine awake nor counts; a socket counts by the data on it.</summary>
    public static Intent Of(HttpRequest request)
    {
        if (request.IsUpgrade())
        {
            return new(WakeCause.Socket, IsSocket: true, CountsAsUse: true);
        }

        if (request.IsBackground())
        {
            return new(WakeCause.Background, IsSocket: false, CountsAsUse: false);
        }

        var cause = request.GetClientKind() is ClientKind.Navigation ? WakeCause.Navigation : WakeCause.Request;
        return new(cause, IsSocket: false, CountsAsUse: true);
    }
}
