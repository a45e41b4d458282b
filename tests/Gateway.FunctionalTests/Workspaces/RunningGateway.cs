using System.Globalization;
using System.Net.Http.Headers;
using System.Net.WebSockets;
using Gateway.Operations;
using Gateway.Proxying;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Gateway.FunctionalTests.Workspaces;

/// <summary>One gateway, the product's own host, on real sockets.</summary>
internal sealed class RunningGateway : IAsyncDisposable
{
    private readonly Host _host;
    private readonly GatewayEnvironment _environment;

    private RunningGateway(Host host, GatewayEnvironment environment)
    {
        (_host, _environment) = (host, environment);
        var listener = Services.GetRequiredService<PublicListener>();
        Url = UrlOf(listener.Port);
        Http2Url = UrlOf(listener.Http2Port);
        OperationsUrl = UrlOf(Services.GetRequiredService<OperationsListener>().Port);
    }

    public Uri Url { get; }

    public Uri Http2Url { get; }

    public Uri OperationsUrl { get; }

    public IServiceProvider Services => _host.Services;

    public static Task<RunningGateway> StartAsync(Dictionary<string, string?> settings, GatewayEnvironment environment)
    {
        var host = new Host(settings);
        host.UseKestrel();
        host.StartServer();
        return Task.FromResult(new RunningGateway(host, environment));
    }

    /// <summary>A program of the user's, with their bearer token.</summary>
    public HttpClient ClientOf(string user) => Client(Url, _environment.TokenOf(user));

    public HttpClient OperatorClient() => Client(OperationsUrl, _environment.OperatorToken);

    public static HttpClient Client(Uri address, string? token)
    {
        var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, MaxConnectionsPerServer = 512 }) { BaseAddress = address, Timeout = TimeSpan.FromSeconds(90) };
        if (token is not null)
        {
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        return client;
    }

    public Task<ClientWebSocket> OpenSocketAsync(string user, string path = "/terminal") =>
        OpenSocketAsync(path, ("Authorization", "Bearer " + _environment.TokenOf(user)));

    public async Task<ClientWebSocket> OpenSocketAsync(string path, params (string Name, string Value)[] headers)
    {
        var socket = new ClientWebSocket();
        foreach (var (name, value) in headers)
        {
            socket.Options.SetRequestHeader(name, value);
        }

        socket.Options.KeepAliveInterval = TimeSpan.Zero;
        using var bound = new CancellationTokenSource(TimeSpan.FromSeconds(90), TimeProvider.System);
        await socket.ConnectAsync(new Uri($"ws://{Url.Authority}{path}"), bound.Token);
        return socket;
    }

    public async ValueTask DisposeAsync() => await _host.DisposeAsync();

    private static Uri UrlOf(int? port) => new(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}"));

    private sealed class Host(Dictionary<string, string?> settings) : WebApplicationFactory<WorkspaceRequest>
    {
        protected override void ConfigureWebHost(IWebHostBuilder builder)
        {
            builder.UseEnvironment("Production");
            builder.ConfigureLogging(static logging => logging.ClearProviders());
            foreach (var (key, value) in settings)
            {
                builder.UseSetting(key, value);
            }
        }
    }
}
