using System.Collections.Concurrent;
using System.Net;
using Gateway.Proxying;
using Gateway.Proxying.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Gateway.FunctionalTests.Proxying;

/// <summary>The forwarder alone behind a real server: every request goes to one machine, at the address the test says.</summary>
internal sealed class ForwarderHost : IAsyncDisposable
{
    public static readonly MachineId Machine = new("d8d0000000000a");

    private readonly WebApplication _app;

    private ForwarderHost(WebApplication app) => _app = app;

    public Uri Url => new($"http://127.0.0.1:{_app.Services.GetRequiredService<PublicListener>().Port}");

    public Uri Http2Url => new($"http://127.0.0.1:{_app.Services.GetRequiredService<PublicListener>().Http2Port}");

    public OpenSockets Sockets => _app.Services.GetRequiredService<OpenSockets>();

    /// <summary>What has passed, over all requests.</summary>
    public Traffic Traffic { get; } = new(TimeProvider.System);

    public ConcurrentQueue<ForwardOutcome> Outcomes { get; } = new();

    public long Boot { get; set; } = 1;

    public string Address { get; set; } = "127.0.0.1";

    /// <summary>How often a request that never reached the machine is sent again.</summary>
    public int Retries { get; set; }

    /// <summary>Called before each retry.</summary>
    public Func<Task> BeforeRetry { get; set; } = static () => Task.CompletedTask;

    public static async Task<ForwarderHost> StartAsync(IPEndPoint workspace, params (string Key, string Value)[] settings)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Configuration.Sources.Clear();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Proxying:AllowedNetworks"] = "127.0.0.0/8",
            ["Proxying:Listen"] = "http://127.0.0.1:0",
            ["Proxying:ListenHttp2"] = "http://127.0.0.1:0",
            ["Proxying:WorkspacePort"] = workspace.Port.ToString(System.Globalization.CultureInfo.InvariantCulture),
        });
        builder.Configuration.AddInMemoryCollection(settings.Select(setting => new KeyValuePair<string, string?>("Proxying:" + setting.Key, setting.Value)));
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(new OwnCookies(static name => name.StartsWith("gateway", StringComparison.Ordinal)));
        builder.Services.AddProxying();
        var app = builder.Build();
        var host = new ForwarderHost(app) { Address = workspace.Address.ToString() };
        app.Run(host.ForwardAsync);
        await app.StartAsync();
        return host;
    }

    public HttpClient Client() => new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = Url, Timeout = Eventually.Limit };

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
    }

    private async Task ForwardAsync(HttpContext context)
    {
        var forwarder = context.RequestServices.GetRequiredService<WorkspaceForwarder>();
        for (var tries = 0; ; tries++)
        {
            var outcome = await forwarder.ForwardAsync(new Forward(context, Machine, new UserId("alice"), context.User, Traffic, null), Boot, Address, CancellationToken.None);
            if (outcome is ForwardOutcome.NeverReached && tries < Retries)
            {
                await BeforeRetry();
                continue;
            }

            Outcomes.Enqueue(outcome);
            if (outcome is not ForwardOutcome.Completed && !context.Response.HasStarted)
            {
                context.Response.StatusCode = StatusCodes.Status502BadGateway;
            }

            return;
        }
    }
}
