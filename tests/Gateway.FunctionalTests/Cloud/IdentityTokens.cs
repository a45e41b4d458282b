using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Gateway.FunctionalTests.Cloud;

/// <summary>Getting tokens from the provider, and checking them the way a stranger would.</summary>
internal static class IdentityTokens
{
    public static async Task<JsonElement> TokenAsync(this IdentityFixture identity, params (string Key, string Value)[] form)
    {
        using var content = new FormUrlEncodedContent(form.Select(pair => new KeyValuePair<string, string>(pair.Key, pair.Value)));
        using var response = await identity.Browser.PostAsync("connect/token", content);
        return await response.Content.ReadFromJsonAsync<JsonElement>();
    }

    public static Task<JsonElement> PasswordAsync(this IdentityFixture identity, string name, string scope = "openid") => identity.TokenAsync(
        ("grant_type", "password"), ("client_id", "terminal"), ("username", name), ("password", name), ("scope", scope));

    public static async Task<TokenValidationResult> ValidateAsync(this IdentityFixture identity, string token, string audience, string? issuer = null)
    {
        var keys = new JsonWebKeySet(await identity.Browser.GetStringAsync(".well-known/jwks"));
        return await new JsonWebTokenHandler().ValidateTokenAsync(token, new TokenValidationParameters
        {
            ValidIssuer = issuer ?? identity.Provider.Authority.AbsoluteUri,
            ValidAudience = audience,
            IssuerSigningKeys = keys.GetSigningKeys(),
        });
    }

    public static string Text(this JsonElement answer, string name) =>
        answer.TryGetProperty(name, out var value) ? value.ToString() : throw new InvalidOperationException($"No {name} in {answer}");
}
