using System.Net;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using SampleWorkspace;

namespace Gateway.FunctionalTests.Sample;

/// <summary>A sample workspace on a free port, over a folder of its own.</summary>
internal sealed class WorkspaceFixture : IAsyncDisposable
{
    public const string Machine = "d8d0000000000a";

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private readonly WebApplication _app;

    private WorkspaceFixture(WebApplication app, string folder)
    {
        (_app, Folder) = (app, folder);
        Address = new Uri(app.Urls.Single());
        Client = new HttpClient { BaseAddress = Address, Timeout = Limit };
    }

    public string Folder { get; }

    public Uri Address { get; }

    public HttpClient Client { get; }

    public static async Task<WorkspaceFixture> StartAsync(TimeProvider? time = null, Uri? gatewayKeys = null)
    {
        var folder = Directory.CreateTempSubdirectory("workspace-").FullName;
        var settings = new WorkspaceSettings { Listen = new IPEndPoint(IPAddress.Loopback, 0), Folder = folder, GatewayKeys = gatewayKeys, Machine = Machine };
        var app = WorkspaceApp.Build(settings, time ?? TimeProvider.System);
        await app.StartAsync().WaitAsync(Limit);
        return new WorkspaceFixture(app, folder);
    }

    public async Task<TerminalClient> OpenTerminalAsync()
    {
        var socket = new ClientWebSocket();
        await socket.ConnectAsync(new Uri($"ws://{Address.Authority}/terminal"), CancellationToken.None).WaitAsync(Limit);
        return new TerminalClient(socket);
    }

    public Task StopAsync() => _app.StopAsync().WaitAsync(Limit);

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await StopAsync();
        await _app.DisposeAsync();
        Directory.Delete(Folder, recursive: true);
    }
}
