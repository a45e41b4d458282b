using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Gateway.Identity;

/// <summary>
/// OpenID Connect Back-Channel Logout 1.0: the provider says, signed, that a session of its own or all of a subject's have ended, and the sign-ins that
/// came of them end on every replica.
/// </summary>
internal sealed class BackChannelLogout(Provider provider, ISignInStore store, SignIns signIns, Audit audit, TimeProvider time)
{
    private const string LogoutEvent = "http://schemas.openid.net/event/backchannel-logout";

    // A logout token is used at once; an old one is a replay.
    private static readonly TimeSpan FreshFor = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(1);

    /// <summary>What sign-ins are grouped by: the provider's word for its session or its user, which may be any text.</summary>
    public static string GroupOf(string kind, string value) => Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes($"{kind}:{value}")));

    public async Task AnswerAsync(HttpContext context)
    {
        context.Response.Headers.CacheControl = "no-store";
        var token = context.Request.HasFormContentType ? (await context.Request.ReadFormAsync(context.RequestAborted))["logout_token"].ToString() : "";
        if (await provider.FindAsync() is null)
        {
            await RefusalResponse.WriteAsync(context, IdentityRefusals.ProviderUnavailable, ClientKind.Program);
            return;
        }

        if (await ValidateAsync(token) is not { } group)
        {
            audit.Refused(context, "-", "logout-token");
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            context.Response.ContentType = "application/json";
            await context.Response.WriteAsync("""{"error":"invalid_request","error_description":"The logout token is not valid."}""");
            return;
        }

        var ids = await store.GroupAsync(group);
        foreach (var id in ids)
        {
            await signIns.EndAsync(id);
        }

        audit.LoggedOutByProvider(context, ids.Count);
    }

    /// <summary>The group that the token ends; null: it is no good logout token.</summary>
    private async Task<string?> ValidateAsync(string text)
    {
        var result = await provider.ValidateAsync(text, IsFresh);
        if (!result.IsValid || result.SecurityToken is not JsonWebToken token || token.TryGetPayloadValue<object>("nonce", out _) || !IsLogout(token))
        {
            return null;
        }

        return token.TryGetPayloadValue<string>("sid", out var session) && session.Length > 0 ? GroupOf("session", session)
            : token.Subject is { Length: > 0 } subject ? GroupOf("subject", subject)
            : null;
    }

    private bool IsFresh(DateTime? notBefore, DateTime? expires, SecurityToken token, TokenValidationParameters parameters)
    {
        var now = time.GetUtcNow().UtcDateTime;
        var issued = ((JsonWebToken)token).IssuedAt;
        return issued != default && issued >= now - FreshFor && issued <= now + ClockSkew && (expires is null || expires >= now - ClockSkew);
    }

    private static bool IsLogout(JsonWebToken token) =>
        token.TryGetPayloadValue<JsonElement>("events", out var events) && events.ValueKind == JsonValueKind.Object && events.TryGetProperty(LogoutEvent, out _);
}
