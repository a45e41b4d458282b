using System.Collections.Concurrent;
using System.Net;
using Gateway.Proxying.Sockets;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Transforms.Builder;

namespace Gateway.Proxying;

/// <summary>Forwards one request, or passes one socket through, to one life of one machine.</summary>
internal sealed class WorkspaceForwarder(
    IHttpForwarder forwarder,
    ITransformBuilder transformBuilder,
    WorkspaceTransforms transforms,
    WorkspaceConnections connections,
    OpenSockets sockets,
    OpenAnswers answers,
    ProxyingMetrics metrics,
    IOptions<ProxyingOptions> options,
    TimeProvider time)
{
    private static readonly ForwarderRequestConfig Socket = Config(Timeout.InfiniteTimeSpan);

    private readonly HttpTransformer _transformer = transforms.Build(transformBuilder);
    private readonly ForwarderRequestConfig _plain = Config(options.Value.AnswerSilence);
    private readonly ConcurrentDictionary<TimeSpan, ForwarderRequestConfig> _bySilence = new();

    /// <summary>
    /// After <see cref="ForwardOutcome.NeverReached"/> the answer is untouched and the body unread, so the call may be repeated. After any other outcome
    /// but <see cref="ForwardOutcome.Completed"/> the answer may have begun; if it has not, it is untouched.
    /// </summary>
    public async Task<ForwardOutcome> ForwardAsync(HttpContext context, Destination destination, UserId user, Traffic traffic, CancellationToken drain)
    {
        if (connections.Authority(destination) is not { } authority)
        {
            metrics.Forwarded(ForwardOutcome.Forbidden);
            return ForwardOutcome.Forbidden;
        }

        OpenSocket? socket = null;
        var answer = answers.Add(user, context);
        var features = new SocketFeatures(context, stream => Track(stream).Stream);
        var upgrades = features.Install();
        // Also where an upgrade is asked for: the workspace may answer plainly.
        CountAnswer(context, traffic);

        try
        {
            var prefix = $"http://{authority}";
            var error = await forwarder.SendAsync(context, prefix, connections.Invoker, upgrades ? Socket : ConfigOf(context), _transformer, drain);
            var outcome = OutcomeOf(context, error, drain);
            metrics.Forwarded(outcome);
            if (outcome is not ForwardOutcome.Completed && !context.Response.HasStarted)
            {
                context.Response.Clear();
                context.Features.Set<IForwarderErrorFeature>(null);
            }

            return outcome;
        }
        finally
        {
            answers.Remove(answer);
            features.Remove();
            if (socket is not null)
            {
                sockets.Remove(socket);
            }
        }

        OpenSocket Track(Stream stream)
        {
            var isWebSocket = context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true, Protocol: "websocket" }
                || context.Request.Headers.Upgrade.ToString().Equals("websocket", StringComparison.OrdinalIgnoreCase);
            socket = new OpenSocket(destination.Machine, user, new SocketStream(stream, isWebSocket, traffic, time), context);
            // A socket is told why it ends.
            answers.Remove(answer);
            sockets.Add(socket);
            return socket;
        }
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

    /// <summary>Counts the answer's bytes as they are written, and lifts the server's own limit on the body: what a workspace takes is its own affair.</summary>
    private static void CountAnswer(HttpContext context, Traffic traffic)
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = null;
        }

        if (context.Features.Get<IHttpResponseBodyFeature>() is { } body and not CountedAnswer)
        {
            context.Features.Set<IHttpResponseBodyFeature>(new CountedAnswer(body, traffic));
        }
    }

    private static ForwardOutcome OutcomeOf(HttpContext context, ForwarderError error, CancellationToken drain)
    {
        if (error is ForwarderError.None)
        {
            return context.Features.Get<IHttpResponseBodyFeature>() is CountedAnswer { IsSteering: true } ? ForwardOutcome.Steering : ForwardOutcome.Completed;
        }

        if (drain.IsCancellationRequested)
        {
            return ForwardOutcome.Drained;
        }

        if (context.RequestAborted.IsCancellationRequested || error is ForwarderError.RequestCanceled or ForwarderError.RequestBodyCanceled or ForwarderError.ResponseBodyCanceled)
        {
            return ForwardOutcome.ClientLeft;
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
