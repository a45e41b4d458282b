using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Runtime.CompilerServices;
using Gateway.Proxying.Sockets;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Proxying;

/// <summary>Forwards one request, or passes one socket through, to one life of one machine.</summary>
internal sealed class WorkspaceForwarder(
    IHttpForwarder forwarder,
    WorkspaceTransforms transforms,
    WorkspaceConnections connections,
    OpenSockets sockets,
    OpenAnswers answers,
    ProxyingMetrics metrics,
    IOptions<ProxyingOptions> options,
    TimeProvider time)
{
    private static readonly ForwarderRequestConfig Socket = Config(Timeout.InfiniteTimeSpan);

    private readonly ForwarderRequestConfig _plain = Config(options.Value.AnswerSilence);
    private readonly ConcurrentDictionary<TimeSpan, ForwarderRequestConfig> _bySilence = new();

    /// <summary>
    /// After <see cref="ForwardOutcome.NeverReached"/> the answer is untouched and the body unread, so the call may be repeated. After any other outcome
    /// but <see cref="ForwardOutcome.Completed"/> the answer may have begun; if it has not, it is untouched.
    /// </summary>
    /// <param name="forward">The request.</param>
    /// <param name="boot">The life of the machine to reach.</param>
    /// <param name="address">Where that is: an IP literal.</param>
    /// <param name="drain">Ends it when the gateway leaves.</param>
    public ValueTask<ForwardOutcome> ForwardAsync(in Forward forward, long boot, string address, CancellationToken drain)
    {
        if (connections.Find(new Destination(forward.Machine, boot, address)) is not { } life)
        {
            metrics.Forwarded(ForwardOutcome.Forbidden);
            return ValueTask.FromResult(ForwardOutcome.Forbidden);
        }

        var context = forward.Context;
        if (context.Request.Body is SeenBody seen)
        {
            // It goes again, on another visit.
            seen.Traffic = forward.Traffic;
        }
        else if (context.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: true })
        {
            context.Request.Body = new SeenBody(context.Request.Body, context.Request.BodyReader, options.Value.BodyStartTimeout, time) { Traffic = forward.Traffic };
        }

        return SocketFeatures.AreAskedFor(context) ? PassThroughAsync(forward, life, drain) : AnswerAsync(forward, life, drain);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ForwardOutcome> AnswerAsync(Forward forward, MachineLife life, CancellationToken drain)
    {
        var context = forward.Context;
        using var span = GatewayTelemetry.Start(GatewayTelemetry.Forward, ActivityKind.Client);
        var answer = answers.Begin(forward);
        try
        {
            return Finish(context, await forwarder.SendAsync(context, life.Prefix, connections.InvokerFor(life), ConfigOf(context), transforms, drain), answer.IsSteering, drain);
        }
        finally
        {
            answers.End(answer);
        }
    }

    private async ValueTask<ForwardOutcome> PassThroughAsync(Forward forward, MachineLife life, CancellationToken drain)
    {
        var context = forward.Context;
        using var span = GatewayTelemetry.Start(GatewayTelemetry.Forward, ActivityKind.Client);
        // The workspace may answer plainly.
        var answer = answers.Begin(forward);
        OpenSocket? socket = null;
        var features = new SocketFeatures(context, stream => Track(stream).Stream);
        features.Install();
        try
        {
            return Finish(context, await forwarder.SendAsync(context, life.Prefix, connections.InvokerFor(life), Socket, transforms, drain), answer is { IsSteering: true }, drain);
        }
        finally
        {
            features.Remove();
            if (answer is not null)
            {
                answers.End(answer);
            }

            if (socket is not null)
            {
                sockets.Remove(socket);
            }
        }

        OpenSocket Track(Stream stream)
        {
            answer!.SocketOpened();
            // A socket is told why it ends.
            answers.End(answer);
            answer = null;
            var isWebSocket = context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true, Protocol: "websocket" }
                || context.Request.Headers.Upgrade.ToString().Equals("websocket", StringComparison.OrdinalIgnoreCase);
            socket = new OpenSocket(forward.Machine, forward.User, new SocketStream(stream, isWebSocket, forward.Traffic, time), context);
            sockets.Add(socket);
            return socket;
        }
    }

    private ForwardOutcome Finish(HttpContext context, ForwarderError error, bool isSteering, CancellationToken drain)
    {
        var outcome = error is not ForwarderError.None ? FailureOf(context, error, drain) : isSteering ? ForwardOutcome.Steering : ForwardOutcome.Completed;
        metrics.Forwarded(outcome);
        if (outcome is not ForwardOutcome.Completed && !context.Response.HasStarted)
        {
            context.Response.Clear();
            context.Features.Set<IForwarderErrorFeature>(null);
            if (outcome is ForwardOutcome.BodyOverdue)
            {
                // What may still come of the body must not be taken for the next request.
                context.Response.Headers.Connection = "close";
            }
        }

        return outcome;
    }

    private ForwarderRequestConfig ConfigOf(HttpContext context)
    {
        if (options.Value.AnswerSilenceByPath.Count == 0)
        {
            return _plain;
        }

        var silence = options.Value.AnswerSilenceOf(context.Request.Path.Value ?? "/");
        return silence == options.Value.AnswerSilence ? _plain : _bySilence.GetOrAdd(silence, Config);
    }

    private static ForwarderRequestConfig Config(TimeSpan silence) => new()
    {
        ActivityTimeout = silence,
        Version = HttpVersion.Version11,
        VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        AllowResponseBuffering = false,
    };

    private static ForwardOutcome FailureOf(HttpContext context, ForwarderError error, CancellationToken drain)
    {
        if (drain.IsCancellationRequested)
        {
            return ForwardOutcome.Drained;
        }

        if (context.RequestAborted.IsCancellationRequested || error is ForwarderError.RequestCanceled or ForwarderError.RequestBodyCanceled or ForwarderError.ResponseBodyCanceled)
        {
            return ForwardOutcome.ClientLeft;
        }

        if (context.Request.Body is SeenBody { IsOverdue: true })
        {
            return ForwardOutcome.BodyOverdue;
        }

        if (!context.Response.HasStarted && NeverReached(context.GetForwarderErrorFeature()?.Exception))
        {
            return ForwardOutcome.NeverReached;
        }

        return error is ForwarderError.RequestTimedOut or ForwarderError.UpgradeActivityTimeout ? ForwardOutcome.Silent : ForwardOutcome.Failed;
    }

    /// <summary>Only a failure to connect is certain not to have reached the machine; everything later may have been carried out.</summary>
    private static bool NeverReached(Exception? exception) =>
        exception is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError };
}
