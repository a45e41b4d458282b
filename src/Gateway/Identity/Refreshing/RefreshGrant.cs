using System.Net;
using System.Security.Claims;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;

namespace Gateway.Identity.Refreshing;

/// <summary>Asks the provider, by a refresh token, whether it still vouches for a user (RFC 6749 section 6, OpenID Connect Core section 12).</summary>
internal sealed class RefreshGrant(Provider provider, IOptions<IdentityOptions> options, TimeProvider time)
{
    /// <summary>The provider's "no". Every other error is about the client or the request, and no user is signed out for those.</summary>
    private static readonly HashSet<string> Refusals = new(StringComparer.Ordinal)
    {
        "invalid_grant", "access_denied", "login_required", "interaction_required", "consent_required", "account_selection_required",
    };

    /// <summary>Not to be cancelled: a token that was sent may be spent, and the answer holds the next one.</summary>
    public async Task<RefreshAnswer> AskAsync(string token)
    {
        try
        {
            // As it is published now: an endpoint that has moved must not be sent tokens at its old address.
            var published = await provider.Configuration.GetConfigurationAsync(CancellationToken.None);
            if (!Uri.TryCreate(published.TokenEndpoint, UriKind.Absolute, out var endpoint) || !(endpoint.Scheme == "https" || (endpoint.Scheme == "http" && options.Value.AllowHttpAuthority)))
            {
                return new RefreshAnswer.Faulty(null, "the provider publishes no address of a token endpoint");
            }

            using var request = new FormUrlEncodedContent(Form(token));
            using var answer = await provider.Client.PostAsync(endpoint, request, CancellationToken.None);
            // Also called beside requests. What comes next may read the keys that tokens are protected with, and that blocks; the thread may be a socket's.
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            // Whatever its type says: JSON is UTF-8 (RFC 8259 section 8.1), and a charset that nobody knows is no reason to lose the next token.
            return answer.StatusCode == HttpStatusCode.TooManyRequests
                ? new RefreshAnswer.Unavailable()
                : await ReadAsync(answer.IsSuccessStatusCode, Encoding.UTF8.GetString(await answer.Content.ReadAsByteArrayAsync(CancellationToken.None)));
        }
        catch (Exception failure) when (failure is HttpRequestException or OperationCanceledException or IOException or InvalidOperationException { InnerException: not null })
        {
            // The last one: the provider was never reached for its metadata.
            return new RefreshAnswer.Unavailable();
        }
    }

    private Dictionary<string, string> Form(string token)
    {
        var form = new Dictionary<string, string> { ["grant_type"] = "refresh_token", ["refresh_token"] = token, ["client_id"] = options.Value.ClientId };
        if (options.Value.ClientSecret.Length > 0)
        {
            form["client_secret"] = options.Value.ClientSecret;
        }

        return form;
    }

    private async Task<RefreshAnswer> ReadAsync(bool succeeded, string text)
    {
        OpenIdConnectMessage answer;
        try
        {
            answer = new OpenIdConnectMessage(text);
        }
        catch (Exception failure) when (failure is JsonException or ArgumentException)
        {
            return new RefreshAnswer.Faulty(null, "the answer is no JSON object");
        }

        if (!succeeded)
        {
            return Refusals.Contains(answer.Error ?? "") ? new RefreshAnswer.Refused(answer.Error!) : new RefreshAnswer.Faulty(null, "the request itself was refused; see the client's registration");
        }

        if (string.IsNullOrEmpty(answer.IdToken))
        {
            // A provider need not send one, and the grant holds all the same.
            return string.IsNullOrEmpty(answer.AccessToken) ? new RefreshAnswer.Faulty(null, "the answer holds no token") : new RefreshAnswer.Granted(answer.RefreshToken, null);
        }

        return await ValidateAsync(answer.IdToken) is { } user
            ? new RefreshAnswer.Granted(answer.RefreshToken, user)
            : new RefreshAnswer.Faulty(answer.RefreshToken, "the identity token is not valid");
    }

    private async Task<ClaimsPrincipal?> ValidateAsync(string token)
    {
        var result = await provider.ValidateAsync(token, (notBefore, expires, _, _) =>
            time.GetUtcNow().UtcDateTime is var now && expires >= now - BearerSetup.ClockSkew && (notBefore is null || notBefore <= now + BearerSetup.ClockSkew));
        return result.IsValid ? new ClaimsPrincipal(result.ClaimsIdentity) : null;
    }
}
