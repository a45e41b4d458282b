using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Gateway.FunctionalTests.Identity;

/// <summary>A small OpenID provider on a real port: it signs in whoever it is told to, checks PKCE, the secret and that a code is used once, and forges on demand.</summary>
internal sealed class TestAuthority : IAsyncDisposable
{
    public const string ClientId = "gateway";
    public const string ClientSecret = "fake-secret-for-tests";
    public const string Audience = "gateway-api";

    private readonly WebApplication _app;
    private RSA _published;
    private readonly ConcurrentDictionary<string, Grant> _grants = new();
    private readonly ConcurrentDictionary<string, IFormCollection> _pushed = new();
    private readonly ConcurrentDictionary<string, Dictionary<string, object>> _offline = new();
    // One for all authorities: making one costs more than most tests.
    private static readonly RSA SharedKey = RSA.Create(2048);

    private TestAuthority(WebApplication app)
    {
        _app = app;
        Key = new RsaSecurityKey(SharedKey) { KeyId = "key-1" };
        _published = SharedKey;
    }

    public string Url { get; private set; } = "";

    public RsaSecurityKey Key { get; private set; }

    /// <summary>Who signs in next, with further claims.</summary>
    public Dictionary<string, object> Person { get; } = new() { ["sub"] = "alice" };

    /// <summary>The token endpoint answers 503.</summary>
    public bool TokenEndpointIsDown { get; set; }

    /// <summary>Takes authorization requests as pushed ones alone (RFC 9126).</summary>
    public bool WantsPushed { get; set; }

    /// <summary>Nothing is answered but 503.</summary>
    public bool IsDown { get; set; }

    /// <summary>Whom identity tokens are for.</summary>
    public string AudienceOfIdTokens { get; set; } = ClientId;

    /// <summary>When the next person to sign in says they did, if they are asked anew; null: the provider does not say.</summary>
    public Func<DateTimeOffset?> SignedInAt { get; set; } = static () => TimeProvider.System.GetUtcNow();

    /// <summary>Whoever it does not vouch for any more, though they signed in.</summary>
    public ConcurrentDictionary<string, bool> Dismissed { get; } = new();

    /// <summary>Changes what is said of a person who is asked about again.</summary>
    public Action<Dictionary<string, object>>? OnRefresh { get; set; }

    /// <summary>Answers instead of the token endpoint when somebody is asked about again; null: it answers itself.</summary>
    public Func<Task<IResult?>> RefreshAnswer { get; set; } = static () => Task.FromResult<IResult?>(null);

    /// <summary>The refresh tokens it was sent, good or not.</summary>
    public ConcurrentQueue<string> Refreshes { get; } = new();

    /// <summary>What the tokens' times are by.</summary>
    public TimeProvider Time { get; set; } = TimeProvider.System;

    /// <summary>The nonce is replaced by another.</summary>
    public bool WrongNonce { get; set; }

    public int EndedSessions { get; private set; }

    public string? LastIdTokenHint { get; private set; }

    public static async Task<TestAuthority> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        var authority = new TestAuthority(app);
        app.Use((context, next) =>
        {
            if (!authority.IsDown)
            {
                return next(context);
            }

            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            return Task.CompletedTask;
        });
        app.MapGet("/.well-known/openid-configuration", authority.Discovery);
        app.MapGet("/jwks", authority.Jwks);
        app.MapGet("/authorize", authority.Authorize);
        app.MapPost("/par", authority.PushAsync);
        app.MapPost("/token", authority.TokenAsync);
        app.MapGet("/end-session", authority.EndSession);
        await app.StartAsync();
        authority.Url = app.Urls.Single();
        return authority;
    }

    /// <summary>From now on another key signs, and it alone is published.</summary>
    public void RotateKey()
    {
        _published = RSA.Create(2048);
        Key = new RsaSecurityKey(_published) { KeyId = "key-2" };
    }

    /// <summary>An access token as a program would get it; each part can be made wrong.</summary>
    public string AccessToken(
        string user = "alice",
        string? issuer = null,
        string audience = Audience,
        TimeSpan? endsIn = null,
        SigningCredentials? signing = null,
        Dictionary<string, object>? claims = null)
    {
        var all = new Dictionary<string, object>(claims ?? []) { ["sub"] = user };
        return Token(all, issuer ?? Url, audience, endsIn ?? TimeSpan.FromMinutes(10), signing ?? Signing, Time);
    }

    /// <summary>A logout token as the provider would send it; each part can be made wrong.</summary>
    public string LogoutToken(string? subject, string? session, Dictionary<string, object>? claims = null, string audience = ClientId, string? issuer = null, TimeSpan age = default, SigningCredentials? signing = null)
    {
        var all = new Dictionary<string, object> { ["events"] = new Dictionary<string, object> { ["http://schemas.openid.net/event/backchannel-logout"] = new Dictionary<string, object>() }, ["jti"] = "1" };
        if (subject is not null)
        {
            all["sub"] = subject;
        }

        if (session is not null)
        {
            all["sid"] = session;
        }

        foreach (var (name, value) in claims ?? [])
        {
            all[name] = value;
        }

        var issued = TimeProvider.System.GetUtcNow().UtcDateTime - age;
        return new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(new SecurityTokenDescriptor
        {
            Issuer = issuer ?? Url,
            Audience = audience,
            Claims = all,
            IssuedAt = issued,
            Expires = issued + TimeSpan.FromMinutes(2),
            SigningCredentials = signing ?? Signing,
        });
    }

    private SigningCredentials Signing => new(Key, SecurityAlgorithms.RsaSha256);

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
    }

    private static string Token(Dictionary<string, object> claims, string issuer, string audience, TimeSpan endsIn, SigningCredentials signing, TimeProvider time)
    {
        var ends = time.GetUtcNow().UtcDateTime + endsIn;
        return new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(new SecurityTokenDescriptor
        {
            Issuer = issuer,
            Audience = audience,
            Claims = claims,
            Expires = ends,
            NotBefore = ends - TimeSpan.FromHours(1),
            IssuedAt = ends - TimeSpan.FromHours(1),
            SigningCredentials = signing,
        });
    }

    private IResult Discovery()
    {
        var published = Published();
        if (WantsPushed)
        {
            published["pushed_authorization_request_endpoint"] = Url + "/par";
        }

        return Results.Json(published);
    }

    private Dictionary<string, object> Published() => new()
    {
        ["issuer"] = Url,
        ["authorization_endpoint"] = Url + "/authorize",
        ["token_endpoint"] = Url + "/token",
        ["jwks_uri"] = Url + "/jwks",
        ["end_session_endpoint"] = Url + "/end-session",
        ["response_types_supported"] = new[] { "code" },
        ["subject_types_supported"] = new[] { "public" },
        ["id_token_signing_alg_values_supported"] = new[] { "RS256" },
    };

    private IResult Jwks()
    {
        var key = _published.ExportParameters(includePrivateParameters: false);
        return Results.Json(new
        {
            keys = new[] { new { kty = "RSA", use = "sig", alg = "RS256", kid = Key.KeyId, n = Base64UrlEncoder.Encode(key.Modulus), e = Base64UrlEncoder.Encode(key.Exponent) } },
        });
    }

    private async Task<IResult> PushAsync(HttpRequest request)
    {
        if (TokenEndpointIsDown)
        {
            return Results.StatusCode(503);
        }

        var form = await request.ReadFormAsync();
        if (form["client_id"] != ClientId || form["client_secret"] != ClientSecret)
        {
            return Results.Json(new { error = "invalid_client" }, statusCode: 401);
        }

        var name = "urn:ietf:params:oauth:request_uri:" + Convert.ToHexString(RandomNumberGenerator.GetBytes(16));
        _pushed[name] = form;
        return Results.Json(new { request_uri = name, expires_in = 60 }, statusCode: 201);
    }

    private IResult Authorize(HttpRequest request)
    {
        IFormCollection? pushed = null;
        if (WantsPushed && !_pushed.TryRemove(request.Query["request_uri"].ToString(), out pushed))
        {
            return Results.BadRequest("not a pushed request");
        }

        if (Asked("client_id") != ClientId || Asked("code_challenge_method") != "S256" || Asked("response_type") != "code")
        {
            return Results.BadRequest("not a code request with PKCE");
        }

        var code = Convert.ToHexString(RandomNumberGenerator.GetBytes(16));
        var person = new Dictionary<string, object>(Person);
        if (Asked("prompt") == "login" && Asked("max_age") == "0" && SignedInAt() is { } at)
        {
            person["auth_time"] = at.ToUnixTimeSeconds();
        }

        _grants[code] = new Grant(Asked("code_challenge")!, Asked("nonce"), Asked("redirect_uri")!, person, (Asked("scope") ?? "").Split(' ').Contains("offline_access"));
        return Results.Redirect($"{Asked("redirect_uri")}?code={code}&state={Uri.EscapeDataString(Asked("state")!)}");

        string? Asked(string name) => pushed is null ? request.Query[name] : pushed[name];
    }

    private async Task<IResult> TokenAsync(HttpRequest request)
    {
        if (TokenEndpointIsDown)
        {
            return Results.StatusCode(503);
        }

        var form = await request.ReadFormAsync();
        if (form["grant_type"] == "refresh_token")
        {
            return await RefreshAsync(form);
        }

        if (!_grants.TryRemove(form["code"].ToString(), out var grant)
            || form["client_id"] != ClientId
            || form["client_secret"] != ClientSecret
            || form["redirect_uri"] != grant.RedirectUri
            || Base64UrlEncoder.Encode(SHA256.HashData(Encoding.ASCII.GetBytes(form["code_verifier"].ToString()))) != grant.Challenge)
        {
            return Results.Json(new { error = "invalid_grant" }, statusCode: 400);
        }

        var claims = new Dictionary<string, object>(grant.Person);
        if (grant.Nonce is not null)
        {
            claims["nonce"] = WrongNonce ? "another" : grant.Nonce;
        }

        return Tokens(claims, grant.Offline ? grant.Person : null);
    }

    /// <summary>Each token is good once, and gives the next one.</summary>
    private async Task<IResult> RefreshAsync(IFormCollection form)
    {
        var token = form["refresh_token"].ToString();
        Refreshes.Enqueue(token);
        if (await RefreshAnswer() is { } answer)
        {
            return answer;
        }

        if (form["client_id"] != ClientId || form["client_secret"] != ClientSecret)
        {
            return Results.Json(new { error = "invalid_client" }, statusCode: 401);
        }

        if (!_offline.TryRemove(token, out var person) || Dismissed.ContainsKey((string)person["sub"]))
        {
            return Results.Json(new { error = "invalid_grant" }, statusCode: 400);
        }

        var claims = new Dictionary<string, object>(person);
        OnRefresh?.Invoke(claims);
        return Tokens(claims, person);
    }

    private IResult Tokens(Dictionary<string, object> claims, Dictionary<string, object>? offline)
    {
        var answer = new Dictionary<string, object>
        {
            ["access_token"] = "fake-access-token",
            ["token_type"] = "Bearer",
            ["expires_in"] = 600,
            ["id_token"] = Token(claims, Url, AudienceOfIdTokens, TimeSpan.FromMinutes(10), Signing, Time),
        };
        if (offline is not null)
        {
            var token = "fake-refresh-token-" + Convert.ToHexString(RandomNumberGenerator.GetBytes(16));
            _offline[token] = offline;
            answer["refresh_token"] = token;
        }

        return Results.Json(answer);
    }

    private IResult EndSession(HttpRequest request)
    {
        EndedSessions++;
        LastIdTokenHint = request.Query["id_token_hint"];
        return Results.Redirect(request.Query["post_logout_redirect_uri"]!);
    }

    private sealed record Grant(string Challenge, string? Nonce, string RedirectUri, Dictionary<string, object> Person, bool Offline);
}
