using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Gateway.Proxying;
using Gateway.Proxying.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Gateway.FunctionalTests.Proxying;

/// <summary>The forwarding room alone behind a real Kestrel: everything that comes goes to one workspace.</summary>
internal sealed class ForwardingGateway : IAsyncDisposable
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    public static readonly MachineId Machine = new("d890ab");
    public static readonly UserId User = new("alice");

    private readonly WebApplication _app;
    private readonly SemaphoreSlim _outcomes = new(0);

    private ForwardingGateway(WebApplication app) => _app = app;

    public ConcurrentQueue<ForwardOutcome> Outcomes { get; } = new();

    public Traffic Traffic { get; } = new(TimeProvider.System);

    /// <summary>The life of the machine that requests go to.</summary>
    public long Boot { get; set; } = 1;

    /// <summary>Set: a request that never reached the workspace goes again after this.</summary>
    public Action? AfterNeverReached { get; set; }

    public OpenSockets Sockets => _app.Services.GetRequiredService<OpenSockets>();

    public WorkspaceConnections Connections => _app.Services.GetRequiredService<WorkspaceConnections>();

    public int Port => _app.Services.GetRequiredService<PublicListener>().Port!.Value;

    public int Http2Port => _app.Services.GetRequiredService<PublicListener>().Http2Port!.Value;

    public static async Task<ForwardingGateway> StartAsync(int workspacePort, params (string Key, string Value)[] settings)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration.Sources.Clear();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Proxying:AllowedNetworks"] = "127.0.0.0/8",
            ["Proxying:Listen"] = "http://127.0.0.1:0",
            ["Proxying:ListenHttp2"] = "http://127.0.0.1:0",
            ["Proxying:WorkspacePort"] = workspacePort.ToString(System.Globalization.CultureInfo.InvariantCulture),
            // Generous, so that a busy computer is not mistaken for a silent machine.
            ["Proxying:ConnectTimeout"] = "00:00:20",
        });
        builder.Configuration.AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create<string, string?>("Proxying:" + setting.Key, setting.Value)));
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(new OwnCookies(name => name.StartsWith("__Host-gateway", StringComparison.Ordinal)));
        builder.Services.AddProxying();
        var app = builder.Build();
        var gateway = new ForwardingGateway(app);
        app.UseEdgeGuard();
        app.Run(gateway.HandleAsync);
        await app.StartAsync().WaitAsync(Limit);
        return gateway;
    }

    /// <summary>Sends the bytes as they are on a connection of its own, and answers with all that came back until the gateway closed.</summary>
    public async Task<string> ExchangeAsync(string request)
    {
        using var client = await ConnectAsync();
        await client.SendAsync(System.Text.Encoding.Latin1.GetBytes(request)).WaitAsync(Limit);
        using var answer = new MemoryStream();
        await new NetworkStream(client).CopyToAsync(answer).WaitAsync(Limit);
        return System.Text.Encoding.Latin1.GetString(answer.ToArray());
    }

    public async Task<Socket> ConnectAsync()
    {
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await client.ConnectAsync(IPAddress.Loopback, Port).WaitAsync(Limit);
        return client;
    }

    /// <summary>Waits for one more request to have ended.</summary>
    public async Task HasOutcomeAsync() => Assert.True(await _outcomes.WaitAsync(Limit));

    private async Task HandleAsync(HttpContext context)
    {
        var forwarder = context.RequestServices.GetRequiredService<WorkspaceForwarder>();
        var outcome = await forwarder.ForwardAsync(new Forward(context, Machine, User, context.User, Traffic, null), Boot, "127.0.0.1", CancellationToken.None);
        Outcomes.Enqueue(outcome);
        _outcomes.Release();
        if (outcome == ForwardOutcome.NeverReached && AfterNeverReached is { } again)
        {
            AfterNeverReached = null;
            again();
            await HandleAsync(context);
            return;
        }

        if (!context.Response.HasStarted && outcome != ForwardOutcome.Completed)
        {
            context.Response.StatusCode = StatusCodes.Status502BadGateway;
            context.Response.Headers["X-Outcome"] = outcome.ToString();
        }
    }

    public async ValueTask DisposeAsync()
    {
        using var bound = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        await _app.StopAsync(bound.Token);
        await _app.DisposeAsync();
    }
}
