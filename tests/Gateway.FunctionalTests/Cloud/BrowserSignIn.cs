using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Web;
using Microsoft.IdentityModel.Tokens;
using Xunit;

namespace Gateway.FunctionalTests.Cloud;

/// <summary>The code flow with PKCE, step by step, as a browser and a client walk through it.</summary>
internal sealed class BrowserSignIn(IdentityFixture identity)
{
    public const string Redirect = "http://localhost:8080/.gateway/callback";
    private readonly string _verifier = Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(32));

    /// <summary>Where the provider sends the browser, which follows no redirect by itself.</summary>
    public async Task<Uri> AuthorizeAsync(params (string Key, string Value)[] more)
    {
        var challenge = Base64UrlEncoder.Encode(SHA256.HashData(Encoding.ASCII.GetBytes(_verifier)));
        var query = new List<(string Key, string Value)>
        {
            ("client_id", "gateway"), ("response_type", "code"), ("scope", "openid profile email"), ("redirect_uri", Redirect),
            ("state", "some-state"), ("nonce", "some-nonce"), ("code_challenge", challenge), ("code_challenge_method", "S256"),
        };
        query.RemoveAll(pair => more.Any(other => other.Key == pair.Key));
        query.AddRange(more);
        return await GetAsync("connect/authorize?" + string.Join('&', query.Select(pair => $"{pair.Key}={Uri.EscapeDataString(pair.Value)}")));
    }

    public async Task<Uri> GetAsync(string address)
    {
        using var response = await identity.Browser.GetAsync(address);
        Assert.Equal(HttpStatusCode.Redirect, response.StatusCode);
        return Absolute(response.Headers.Location!);
    }

    /// <summary>Fills the form on the sign-in page that <paramref name="page"/> points to.</summary>
    public async Task<Uri> SubmitNameAsync(Uri page, string name)
    {
        Assert.Equal("/sign-in", page.AbsolutePath);
        var html = await identity.Browser.GetStringAsync(page);
        Assert.Contains("<label for=\"name\">", html, StringComparison.Ordinal);
        using var form = new FormUrlEncodedContent(new Dictionary<string, string> { ["name"] = name, ["return"] = QueryOf(page, "return")! });
        using var response = await identity.Browser.PostAsync("sign-in", form);
        Assert.Equal(HttpStatusCode.Redirect, response.StatusCode);
        return Absolute(response.Headers.Location!);
    }

    /// <summary>From nothing to the redirect with a code.</summary>
    public async Task<Uri> SignInAsync(string name, params (string Key, string Value)[] more)
    {
        var back = await SubmitNameAsync(await AuthorizeAsync(more), name);
        return await GetAsync(back.AbsoluteUri);
    }

    public Task<JsonElement> RedeemAsync(Uri redirect) => identity.TokenAsync(
        ("grant_type", "authorization_code"), ("client_id", "gateway"), ("client_secret", IdentityFixture.Secret),
        ("code", QueryOf(redirect, "code") ?? throw new InvalidOperationException($"No code in {redirect}")),
        ("redirect_uri", Redirect), ("code_verifier", _verifier));

    public static string? QueryOf(Uri address, string name) => HttpUtility.ParseQueryString(address.Query)[name];

    private Uri Absolute(Uri address) => new(identity.Provider.Authority, address);
}
