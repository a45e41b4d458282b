using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Polly.CircuitBreaker;
using Polly.RateLimiting;

namespace Gateway.Machines;

internal sealed partial class MachinesClient
{
    private const string NonceHeader = "fly-machine-lease-nonce";
    private const string CursorHeader = "fly-next-cursor";
    private const string RequestIdHeader = "fly-request-id";

    /// <summary>When a queue that is full now is worth another look.</summary>
    private static readonly TimeSpan QueueIsFull = TimeSpan.FromSeconds(5);

    /// <summary>The one way out: the call, and whatever came back as a result.</summary>
    private async Task<MachinesResult<Answer<T>>> SendAsync<T>(Request request, JsonTypeInfo<T>? type, CancellationToken cancellationToken)
    {
        using var span = GatewayTelemetry.Start(GatewayTelemetry.MachinesCall, ActivityKind.Client);
        var started = time.GetTimestamp();
        var result = IsPlain(request.Path)
            ? await TrySendAsync(request, type, cancellationToken)
            : MachinesAnswers.NotSent(MachinesFailureKind.Invalid, "An app, machine or volume without a usable name was asked for.");
        metrics.Called(request.Call, result.Failure, time.GetElapsedTime(started));
        if (span is not null)
        {
            span.SetTag("gateway.call", request.Call.ToString());
            span.SetTag("gateway.of", request.Key);
            span.SetTag("error.type", result.IsOk ? null : result.Failure.Kind.ToString());
        }

        Report(request, result);
        return result;
    }

    private async Task<MachinesResult<Answer<T>>> TrySendAsync<T>(Request request, JsonTypeInfo<T>? type, CancellationToken cancellationToken)
    {
        using var message = MessageOf(request);
        try
        {
            using var response = await http.SendAsync(message, cancellationToken);
            var text = await response.Content.ReadAsStringAsync(cancellationToken);
            if (!response.IsSuccessStatusCode)
            {
                return MachinesAnswers.Of(request.Call, (int)response.StatusCode, text, response.Headers, time.GetUtcNow());
            }

            return new Answer<T>(type is null ? default : JsonSerializer.Deserialize(text, type), Header(response, CursorHeader), Header(response, RequestIdHeader));
        }
        catch (JsonException)
        {
            return Unreadable(request.Call);
        }
        catch (BrokenCircuitException exception)
        {
            return MachinesAnswers.NotSent(MachinesFailureKind.Unavailable, "The Machines API has been failing; it is left alone for some seconds.", exception.RetryAfter);
        }
        catch (RateLimiterRejectedException)
        {
            return MachinesAnswers.NotSent(MachinesFailureKind.RateLimited, "Too many calls wait for their turn already.", QueueIsFull);
        }
        catch (Exception exception) when (MachinesResilience.IsBroken(exception)
            || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            // The type only: an exception's text may hold an address or a part of what was sent.
            return MachinesAnswers.Unanswered(request.Call, "The Machines API did not answer: " + exception.GetType().Name);
        }
    }

    private HttpRequestMessage MessageOf(Request request)
    {
        var message = new HttpRequestMessage(request.Method, request.Path) { Content = request.Body };
        message.Options.Set(MachinesResilience.Turn, new MachinesTurn(request.Call, request.Key, options.Value.CallTimeout + request.Waits));
        if (request.Nonce is not null)
        {
            message.Headers.TryAddWithoutValidation(NonceHeader, request.Nonce);
        }

        return message;
    }

    private void Report<T>(Request request, MachinesResult<Answer<T>> result)
    {
        if (result.IsOk)
        {
            MachinesLog.CallAnswered(logger, request.Call, request.Key, result.Value.RequestId);
        }
        else if (result.Failure is { Kind: MachinesFailureKind.Forbidden } refused)
        {
            MachinesLog.TokenRefused(logger, request.Call, request.Key, refused.Status, refused.Message, refused.RequestId);
        }
        else
        {
            var failure = result.Failure;
            MachinesLog.CallFailed(logger, request.Call, request.Key, failure.Status, failure.Kind, failure.Message, failure.RequestId);
        }
    }

    /// <summary>An empty or dotted segment would make another path of it: that of a listing, or of another app.</summary>
    private static bool IsPlain(string path)
    {
        var query = path.IndexOf('?', StringComparison.Ordinal);
        return !(query < 0 ? path : path[..query]).Split('/').Any(static segment => segment is "" or "." or "..");
    }

    /// <summary>It was carried out, but what came of it is unknown: a creation has to be looked for.</summary>
    private static MachinesFailure Unreadable(MachinesCall call) => MachinesAnswers.Unanswered(call, "The answer was not what it should be.");

    private static string? Header(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out var values) && values.FirstOrDefault() is { Length: > 0 } value ? value : null;

    /// <summary>With its length known, so that it is not sent in chunks.</summary>
    private static ByteArrayContent Json<T>(T body, JsonTypeInfo<T> type) =>
        new(JsonSerializer.SerializeToUtf8Bytes(body, type)) { Headers = { ContentType = new("application/json") } };

    /// <summary>A call to be made. <paramref name="Key"/>: the machine or app whose rate it counts against.</summary>
    private readonly record struct Request(MachinesCall Call, string Key, HttpMethod Method, string Path)
    {
        public HttpContent? Body { get; init; }
        public string? Nonce { get; init; }

        /// <summary>How long the API itself takes before it answers.</summary>
        public TimeSpan Waits { get; init; }
    }

    /// <summary>A success. The body is null where the API sent <c>null</c>, its empty list, or where none was asked for.</summary>
    private sealed record Answer<T>(T? Body, string? Cursor, string? RequestId);
}
