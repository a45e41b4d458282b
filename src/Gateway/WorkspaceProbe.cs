using System.Net;
using Gateway.Proxying;
using Gateway.Waking;
using Microsoft.Extensions.Options;

namespace Gateway;

/// <summary>
/// Probes a workspace's own health path over the forwarder's connections: the connection of the good answer stays in the pool, and the first held request
/// goes out on it.
/// </summary>
internal sealed class WorkspaceProbe(WorkspaceConnections connections, IOptions<WakingOptions> options, TimeProvider time) : IReadinessProbe
{
    /// <summary>Between two answers that are not good yet.</summary>
    private static readonly TimeSpan BetweenAnswers = TimeSpan.FromMilliseconds(10);

    /// <summary>How long one answer may take. A port that accepts and says nothing is no workspace yet.</summary>
    private static readonly TimeSpan OneAnswer = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How long one race of connects may take. Short, because the answer's limit can only begin where the race's ends: what is taken and not answered is
    /// given up after both. The next race follows within a step of its grid.
    /// </summary>
    private static readonly TimeSpan OneRace = TimeSpan.FromSeconds(1);

    public async Task<ProbeOutcome> ProbeAsync(ProbeTarget target, TimeSpan limit, Action connected, CancellationToken cancellationToken)
    {
        var authority = connections.Authority(new Destination(target.Machine, target.Boot, target.Address));
        var uri = new Uri($"http://{authority}{options.Value.HealthPath}");
        var started = time.GetTimestamp();
        var outcome = ProbeOutcome.Silent;
        var good = 0;
        while (true)
        {
            var left = limit - time.GetElapsedTime(started);
            if (left <= TimeSpan.Zero)
            {
                return outcome;
            }

            var status = await AskAsync(uri, left < OneRace ? left : OneRace, cancellationToken);
            if (status is { } answered)
            {
                if (outcome is ProbeOutcome.Silent)
                {
                    outcome = ProbeOutcome.Unhealthy;
                    connected();
                }

                good = (int)answered == options.Value.HealthStatus ? good + 1 : 0;
                if (good >= options.Value.HealthyAnswers)
                {
                    return ProbeOutcome.Ready;
                }
            }
            else
            {
                good = 0;
            }

            await Task.Delay(BetweenAnswers, time, cancellationToken);
        }
    }

    /// <summary>Null: no answer came.</summary>
    private async Task<HttpStatusCode?> AskAsync(Uri uri, TimeSpan race, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, uri) { Version = HttpVersion.Version11, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        request.Options.Set(WorkspaceConnections.ConnectUntil, race);
        using var bound = new CancellationTokenSource(race + OneAnswer, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(bound.Token, cancellationToken);
        try
        {
            using var response = await connections.Invoker.SendAsync(request, either.Token);
            await response.Content.CopyToAsync(Stream.Null, either.Token);
            return response.StatusCode;
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException
            || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return null;
        }
    }
}
