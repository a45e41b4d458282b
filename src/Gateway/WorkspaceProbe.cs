using System.Net;
using System.Net.Sockets;
using Gateway.Identity.Assertions;
using Gateway.Proxying;
using Gateway.Waking;
using Microsoft.Extensions.Options;

namespace Gateway;

/// <summary>
/// Probes a workspace's own health path over the forwarder's connections: the connection of the good answer stays in the pool, and the first held request
/// goes out on it. What it asks carries the assertion of whom the machine is woken for, so that a workspace may verify on every path.
/// </summary>
internal sealed class WorkspaceProbe(WorkspaceConnections connections, WorkspaceAssertions assertions, WakingMetrics metrics, IOptions<WakingOptions> options, TimeProvider time) : IReadinessProbe
{
    /// <summary>
    /// How long one race of connects may take. Short, because the patience with the answer can only begin where the race ends. The next race follows
    /// within a step of its grid.
    /// </summary>
    private static readonly TimeSpan OneRace = TimeSpan.FromSeconds(1);

    /// <summary>The patience with one answer is a multiple of the round trip, and not less than this.</summary>
    private static readonly TimeSpan LeastPatience = TimeSpan.FromMilliseconds(250);

    private const int RoundTrips = 20;

    public async Task<ProbeOutcome> ProbeAsync(ProbeTarget target, TimeSpan limit, Action connected, CancellationToken cancellationToken)
    {
        if (connections.Find(new Destination(target.Machine, target.Boot, target.Address)) is not { } life)
        {
            return ProbeOutcome.Unhealthy;
        }

        // Used once it is there: without keys a workspace that verifies nothing is not kept waiting for one.
        var signing = target.User is { } user ? assertions.OfAsync(user, target.Machine, cancellationToken).AsTask() : Task.FromResult<string?>(null);
        var begun = time.GetTimestamp();
        // When it last failed to answer: an attempt is a miss once a later one is answered.
        var (missed, attempt, good) = (begun, begun, 0);
        var outcome = ProbeOutcome.Silent;
        var patience = LeastPatience;
        while (limit - time.GetElapsedTime(begun) is { Ticks: > 0 } left)
        {
            var asked = time.GetTimestamp();
            var assertion = signing.IsCompletedSuccessfully ? await signing : null;
            var answer = await AskAsync(
                new Uri(life.Prefix + options.Value.HealthPath), upgrade: false, assertion, patience, PlanOf(left, Grid, OnConnected), cancellationToken);
            good = (int?)answer == options.Value.HealthStatus ? good + 1 : 0;
            if (good >= options.Value.HealthyAnswers && await TakesSocketsAsync(life.Prefix, assertion, patience, PlanOf(left, Grid, static _ => { }), cancellationToken))
            {
                metrics.ReadinessUnknownFor(time.GetElapsedTime(missed));
                return ProbeOutcome.Ready;
            }

            if (good == 0)
            {
                missed = time.GetTimestamp();
            }

            if (answer is null && outcome is ProbeOutcome.Unhealthy && time.GetElapsedTime(asked) >= patience)
            {
                // A port that accepts and says nothing is given up for another connection; but a slow answer is an answer. A connection that is cut
                // at once says nothing about either.
                patience *= 2;
            }

            await Task.Delay(target.Pace.Grid(time), time, cancellationToken);
        }

        return outcome;

        TimeSpan Grid()
        {
            (missed, attempt) = (attempt, time.GetTimestamp());
            return target.Pace.Grid(time);
        }

        void OnConnected(TimeSpan roundTrip)
        {
            patience = roundTrip * RoundTrips > patience ? roundTrip * RoundTrips : patience;
            if (outcome is ProbeOutcome.Silent)
            {
                outcome = ProbeOutcome.Unhealthy;
                connected();
            }
        }
    }

    private static ConnectPlan PlanOf(TimeSpan left, Func<TimeSpan> grid, Action<TimeSpan> connected) => new(left < OneRace ? left : OneRace, grid, connected);

    /// <summary>Where a socket path is set, a workspace is usable only once it takes a terminal.</summary>
    private async Task<bool> TakesSocketsAsync(string prefix, string? assertion, TimeSpan patience, ConnectPlan plan, CancellationToken cancellationToken) =>
        options.Value.SocketPath.Length == 0
        || await AskAsync(new Uri(prefix + options.Value.SocketPath), upgrade: true, assertion, patience, plan, cancellationToken) is HttpStatusCode.SwitchingProtocols;

    private static void Limit(CancellationTokenSource bound, TimeSpan patience)
    {
        try
        {
            bound.CancelAfter(patience);
        }
        catch (ObjectDisposedException)
        {
            // The handler goes on connecting for a request that was given up.
        }
    }

    /// <summary>Null: no answer came.</summary>
    private async Task<HttpStatusCode?> AskAsync(Uri uri, bool upgrade, string? assertion, TimeSpan patience, ConnectPlan plan, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, uri) { Version = HttpVersion.Version11, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        if (assertion is not null)
        {
            request.Headers.TryAddWithoutValidation(WorkspaceTransforms.AssertionHeader, assertion);
        }

        if (upgrade)
        {
            request.Headers.TryAddWithoutValidation("Connection", "Upgrade");
            request.Headers.TryAddWithoutValidation("Upgrade", "websocket");
            request.Headers.TryAddWithoutValidation("Sec-WebSocket-Version", "13");
            request.Headers.TryAddWithoutValidation("Sec-WebSocket-Key", Convert.ToBase64String(Guid.NewGuid().ToByteArray()));
        }

        using var bound = new CancellationTokenSource(plan.Limit + patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(bound.Token, cancellationToken);
        request.Options.Set(WorkspaceConnections.Plan, plan with
        {
            Connected = roundTrip =>
            {
                plan.Connected(roundTrip);
                Limit(bound, patience);
            },
        });
        try
        {
            using var response = await connections.Invoker.SendAsync(request, either.Token);
            if (response.StatusCode is not HttpStatusCode.SwitchingProtocols)
            {
                await response.Content.CopyToAsync(Stream.Null, either.Token);
            }

            return response.StatusCode;
        }
        catch (Exception exception) when (exception is HttpRequestException or SocketException or IOException
            || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return null;
        }
    }
}
