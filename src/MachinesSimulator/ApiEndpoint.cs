using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace MachinesSimulator;

/// <summary>What surrounds every call: the token, the rates, faults on demand, errors in the platform's words, and whoever observes.</summary>
internal sealed class ApiEndpoint(SimulatedCloud cloud, SimulatorOptions options)
{
    private readonly Rates _rates = new(options.Time);

    /// <summary>Answers with what <paramref name="work"/> returns; null is an empty answer.</summary>
    public RequestDelegate Of(string action, Func<ApiCall, Task<JsonNode?>> work, int status = 200) => context => HandleAsync(context, action, work, status);

    /// <summary>The same for work that is done at once: calls see each other only as a whole.</summary>
    public RequestDelegate Of(string action, Func<ApiCall, JsonNode?> work, int status = 200) => Of(
        action,
        call =>
        {
            lock (cloud.Gate)
            {
                return Task.FromResult(work(call));
            }
        },
        status);

    private async Task HandleAsync(HttpContext context, string action, Func<ApiCall, Task<JsonNode?>> work, int status)
    {
        using var reader = new StreamReader(context.Request.Body, Encoding.UTF8);
        var body = await reader.ReadToEndAsync();
        var answer = default(JsonNode);
        var cut = false;
        try
        {
            answer = await AnswerAsync(context, action, body, work);
        }
        catch (ApiError error)
        {
            (status, answer) = (error.Status, error.Body);
            cut = status == 0;
        }
        catch (Exception broken) when (!context.RequestAborted.IsCancellationRequested)
        {
            var what = $"{context.Request.Method} {context.Request.Path}: {broken.Message}";
            options.Log?.Invoke(what);
            options.OnBroken?.Invoke(what);
            (status, answer) = (500, new ApiError(500, "internal: the simulator broke").Body);
        }

        if (cut)
        {
            context.Abort();
            return;
        }

        var text = answer?.ToJsonString() ?? "";
        context.Response.StatusCode = status;
        context.Response.Headers["fly-request-id"] = Guid.NewGuid().ToString("N");
        options.OnExchange?.Invoke(new ObservedExchange(
            context.Request.Method,
            context.Request.Path + context.Request.QueryString,
            body,
            status,
            text,
            context.Response.Headers.ToDictionary(static header => header.Key, static header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase)));
        if (text.Length > 0)
        {
            context.Response.ContentType = "application/json";
            await context.Response.WriteAsync(text);
        }
    }

    private async Task<JsonNode?> AnswerAsync(HttpContext context, string action, string body, Func<ApiCall, Task<JsonNode?>> work)
    {
        if (string.IsNullOrWhiteSpace(context.Request.Headers.Authorization))
        {
            throw new ApiError(401, "Authenticate: token validation error");
        }

        var call = new ApiCall(context, Parse(body));
        var target = call.Machine ?? call.Volume ?? call.App;
        cloud.Calls.AddOrUpdate((action, target), 1, static (_, calls) => calls + 1);
        if (cloud.Faults.Latency.TryGetValue(action, out var latency) || cloud.Faults.Latency.TryGetValue("*", out latency))
        {
            await Task.Delay(latency, options.Time, context.RequestAborted);
        }

        if (cloud.Faults.Down)
        {
            throw new ApiError(503, "unavailable: the simulated API is down");
        }

        var planned = cloud.Faults.Next(action, target);
        if (planned is { CarriedOut: false })
        {
            throw Failure(context, planned);
        }

        if (options.RateLimits && !_rates.Take(action, target))
        {
            throw new ApiError(429, "resource_exhausted: rate limit exceeded");
        }

        var answer = await work(call);
        return planned is null ? answer : throw Failure(context, planned);
    }

    private static ApiError Failure(HttpContext context, Faults.Planned planned)
    {
        if (planned.RetryAfter is { } after)
        {
            context.Response.Headers.RetryAfter = ((int)after.TotalSeconds).ToString(System.Globalization.CultureInfo.InvariantCulture);
        }

        return new ApiError(planned.Status, planned.Error);
    }

    private static JsonObject Parse(string body)
    {
        try
        {
            return body.Length == 0 ? [] : JsonNode.Parse(body) as JsonObject ?? [];
        }
        catch (JsonException)
        {
            throw ApiError.Invalid("the body is not JSON");
        }
    }
}

/// <summary>One call: its place in the path, its query, its body.</summary>
internal sealed class ApiCall(HttpContext context, JsonObject body)
{
    public HttpContext Context => context;

    public JsonObject Body => body;

    public string App => Route("app")!;

    public string? Machine => Route("machine");

    public string? Volume => Route("volume");

    public string? Nonce => context.Request.Headers["fly-machine-lease-nonce"].ToString() is { Length: > 0 } nonce ? nonce : null;

    public string? Route(string name) => context.GetRouteValue(name) as string;

    public string? Query(string name) => context.Request.Query.TryGetValue(name, out var values) ? values.ToString() : null;

    public bool Is(string name) => Query(name) is "true" or "1";
}
