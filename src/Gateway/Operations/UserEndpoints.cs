using System.Text.Json;
using System.Text.Json.Serialization;
using Gateway.Identity;
using Gateway.Identity.Access;

namespace Gateway.Operations;

/// <summary><c>/api/users/{user}/access</c> and the kick: what operators decide of a user at run time.</summary>
internal static partial class UserEndpoints
{
    private const int LongestReason = 200;

    private static readonly Refusal NoSuchUser = new(404, "no-such-user", "No such user", "A user is written as in the id of their route.");

    private static readonly Refusal BadAccess = new(
        400, "bad-access", "The access cannot be read", "Send {\"access\": \"allow\"} or {\"access\": \"deny\"}, and if you like a \"reason\" of at most 200 characters.");

    private static readonly Refusal StoreUnavailable = new(503, "session-map-unavailable", "The session map does not answer", "Redis does not answer. Nothing was decided; try again shortly.")
    {
        GatewayState = "unknown",
        RetryAfter = TimeSpan.FromSeconds(5),
    };

    public static Task GetAsync(HttpContext context, string user, UserAccess access) => AnswerAsync(context, user, id => WriteAsync(context, id, access));

    public static Task PutAsync(HttpContext context, string user, UserAccess access, TimeProvider time) => AnswerAsync(context, user, async id =>
    {
        if (await ReadAsync(context) is not { } wish)
        {
            await RefuseAsync(context, BadAccess);
            return;
        }

        var by = context.User.GetUserId().Value;
        await access.DecideAsync(id, new UserDecision { Allowed = wish.Access == "allow", Reason = wish.Reason, By = by, At = time.GetUtcNow() });
        OperatorAudit.Because(context, $"{wish.Access}: {wish.Reason}");
        await WriteAsync(context, id, access);
    });

    public static Task DeleteAsync(HttpContext context, string user, UserAccess access) => AnswerAsync(context, user, async id =>
    {
        await access.DecideAsync(id, null);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    });

    /// <summary>Ends what the user is signed in by; they may sign in again, unless they are denied as well.</summary>
    public static Task KickAsync(HttpContext context, string id, UserAccess access, RouteListing listing) => RouteEndpoints.AnswerAsync(context, () => AnswerAsync(context, id, async user =>
    {
        await access.EndAllAsync(user);
        await ActionAnswer.WriteAsync(context, user, listing);
    }));

    private static async Task AnswerAsync(HttpContext context, string id, Func<UserId, Task> answer)
    {
        if (!RouteId.TryParse(id, out var user))
        {
            await RefuseAsync(context, NoSuchUser);
            return;
        }

        try
        {
            await answer(user.Value);
        }
        catch (SignInStoreUnavailableException)
        {
            await RefuseAsync(context, StoreUnavailable);
        }
    }

    private static async Task<AccessWish?> ReadAsync(HttpContext context)
    {
        try
        {
            var wish = await JsonSerializer.DeserializeAsync(context.Request.Body, AccessViewJson.Default.AccessWish, context.RequestAborted);
            return wish is { Access: "allow" or "deny" } && !(wish.Reason?.Length > LongestReason) ? wish : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static Task WriteAsync(HttpContext context, UserId user, UserAccess access)
    {
        var decision = access.DecisionOf(user);
        var view = new AccessView(RouteId.Of(user), user.Value, decision is null ? "default" : decision.Allowed ? "allow" : "deny", decision?.Reason, decision?.By, decision?.At);
        context.Response.Headers.CacheControl = "no-store";
        return context.Response.WriteAsJsonAsync(view, AccessViewJson.Default.AccessView);
    }

    private static Task RefuseAsync(HttpContext context, Refusal refusal) => RefusalResponse.WriteAsync(context, refusal, ClientKind.Program);

    internal sealed record AccessWish(string? Access, string? Reason);

    internal sealed record AccessView(string Id, string User, string Access, string? Reason, string? By, DateTimeOffset? At);

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
    [JsonSerializable(typeof(AccessWish))]
    [JsonSerializable(typeof(AccessView))]
    internal sealed partial class AccessViewJson : JsonSerializerContext;
}
