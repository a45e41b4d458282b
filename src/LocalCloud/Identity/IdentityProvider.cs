using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.Options;
using OpenIddict.Server;

namespace LocalCloud.Identity;

/// <summary>An OpenID Connect provider that signs anybody in under the name they give. For one machine and for tests; never for the internet.</summary>
internal sealed class IdentityProvider : IAsyncDisposable
{
    private readonly WebApplication _app;

    private IdentityProvider(WebApplication app, Uri authority)
    {
        (_app, Authority) = (app, authority);
    }

    /// <summary>The issuer, with its closing slash.</summary>
    public Uri Authority { get; }

    public static Task<IdentityProvider> StartAsync(int port, string folder, params IdentityClient[] clients) =>
        StartAsync(new IdentityProviderOptions { Port = port, Folder = folder, Clients = clients });

    public static async Task<IdentityProvider> StartAsync(IdentityProviderOptions options, CancellationToken cancellation = default)
    {
        var app = Build(options);
        try
        {
            await app.StartAsync(cancellation);
            var authority = options.Port == 0 ? new Uri(app.Urls.Single()) : new Uri($"http://localhost:{options.Port}/");

            // Not the request's host: a token must name the same issuer whichever way it was asked for.
            app.Services.GetRequiredService<IOptionsMonitor<OpenIddictServerOptions>>().CurrentValue.Issuer = authority;
            return new IdentityProvider(app, authority);
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private static WebApplication Build(IdentityProviderOptions options)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Configuration.Sources.Clear();
        builder.Logging.ClearProviders().AddProvider(options.Log).SetMinimumLevel(LogLevel.Warning)
            .AddFilter("Microsoft.AspNetCore.DataProtection", LogLevel.Error); // warns that keys lie unencrypted; on one's own machine they may
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            if (options.Port == 0)
            {
                kestrel.Listen(System.Net.IPAddress.Loopback, 0);
            }
            else
            {
                kestrel.ListenLocalhost(options.Port);
            }
        });
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(2));
        builder.Services.AddSingleton(options);
        builder.Services.AddSingleton(options.Time);
        builder.Services.AddDataProtection().SetApplicationName("local-cloud")
            .PersistKeysToFileSystem(Directory.CreateDirectory(Path.Combine(options.Folder, "cookie-keys")));
        builder.Services.AddAuthentication(CookieAuthenticationDefaults.AuthenticationScheme).AddCookie(cookie =>
        {
            // Cookies know no ports: a name of its own, or it would overwrite those of the gateway on the same host.
            cookie.Cookie.Name = "local-identity";
            cookie.LoginPath = SignInPage.Path;
        });
        builder.Services.AddAuthorization();
        builder.Services.AddOpenIddictServer(options);

        var app = builder.Build();
        app.UseAuthentication();
        app.MapSignInPage();
        app.MapMethods(AuthorizeEndpoint.Path, ["GET", "POST"], AuthorizeEndpoint.AnswerAsync);
        app.MapPost(TokenEndpoint.Path, TokenEndpoint.AnswerAsync);
        app.MapMethods(UserinfoEndpoint.Path, ["GET", "POST"], UserinfoEndpoint.AnswerAsync);
        app.MapMethods(EndSessionEndpoint.Path, ["GET", "POST"], EndSessionEndpoint.AnswerAsync);
        return app;
    }
}
