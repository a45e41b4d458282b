using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http.Features;

namespace MachinesSimulator;

/// <summary>
/// The workspace of all machines whose image is <see cref="Image"/>, inside the simulator's own process, so that a test can have hundreds. It answers
/// <c>/api/health</c> and tells of any other request what arrived; which machine it is, it knows from the relay's port.
/// </summary>
internal sealed class EchoWorkspace : IAsyncDisposable
{
    public const string Image = "simulator/echo";

    /// <summary>When the machine could first be connected to, as a timestamp of the simulator's clock: what a waking gateway is measured against.</summary>
    public const string ReadyHeader = "Workspace-Ready-At";

    /// <summary>A tag makes another image of it that behaves the same.</summary>
    public static bool Runs(string image) => image == Image || image.StartsWith(Image + ":", StringComparison.Ordinal);

    private readonly ConcurrentDictionary<int, SimulatedMachine> _machines = new();
    private readonly WebApplication _app;

    private readonly Func<HttpContext, Task<bool>>? _answer;

    private EchoWorkspace(Func<HttpContext, Task<bool>>? answer)
    {
        _answer = answer;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Listen(IPAddress.Loopback, 0);
        });
        _app = builder.Build();
        _app.UseWebSockets();
        _app.Run(AnswerAsync);
    }

    public IPEndPoint Listens { get; private set; } = new(IPAddress.Loopback, 0);

    public static async Task<EchoWorkspace> StartAsync(Func<HttpContext, Task<bool>>? answer, CancellationToken cancellationToken)
    {
        var echo = new EchoWorkspace(answer);
        await echo._app.StartAsync(cancellationToken);
        echo.Listens = new IPEndPoint(IPAddress.Loopback, new Uri(echo._app.Urls.First()).Port);
        return echo;
    }

    /// <summary>The relay's connections of a machine, by the port they come from.</summary>
    public void Track(SimulatedMachine machine, int port, bool open)
    {
        if (open)
        {
            _machines[port] = machine;
        }
        else
        {
            _machines.TryRemove(port, out _);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        if (!_machines.TryGetValue(context.Connection.RemotePort, out var machine))
        {
            context.Response.StatusCode = 500;
            return;
        }

        if (context.Request.Path == "/api/health")
        {
            context.Response.StatusCode = machine.NeverHealthy ? 500 : 200;
            return;
        }

        if (_answer is not null && await _answer(context))
        {
            return;
        }

        int requests;
        lock (machine)
        {
            requests = ++machine.Requests;
        }

        if (context.WebSockets.IsWebSocketRequest)
        {
            await EchoSocketAsync(context, machine);
            return;
        }

        context.Response.Headers[ReadyHeader] = machine.OpenSince.ToString(CultureInfo.InvariantCulture);
        var (hash, length) = await ReadBodyAsync(context);
        var headers = new JsonObject();
        foreach (var (name, value) in context.Request.Headers)
        {
            headers[name] = value.ToString();
        }

        await context.Response.WriteAsJsonAsync(new JsonObject
        {
            ["machine"] = machine.Id,
            ["name"] = machine.Name,
            ["starts"] = machine.Starts,
            ["method"] = context.Request.Method,
            ["target"] = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget,
            ["headers"] = headers,
            ["bodySha256"] = hash,
            ["bodyLength"] = length,
            ["requests"] = requests,
        });
    }

    private static async Task<(string Hash, long Length)> ReadBodyAsync(HttpContext context)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[64 * 1024];
        long length = 0;
        while (await context.Request.Body.ReadAsync(buffer, context.RequestAborted) is var read and > 0)
        {
            hash.AppendData(buffer, 0, read);
            length += read;
        }

        return (Convert.ToHexStringLower(hash.GetHashAndReset()), length);
    }

    private static async Task EchoSocketAsync(HttpContext context, SimulatedMachine machine)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        await socket.SendAsync(System.Text.Encoding.UTF8.GetBytes(machine.Id), System.Net.WebSockets.WebSocketMessageType.Text, true, context.RequestAborted);
        var buffer = new byte[64 * 1024];
        while (true)
        {
            var message = await socket.ReceiveAsync(buffer, context.RequestAborted);
            if (message.MessageType is System.Net.WebSockets.WebSocketMessageType.Close)
            {
                await socket.CloseAsync(message.CloseStatus ?? System.Net.WebSockets.WebSocketCloseStatus.NormalClosure, message.CloseStatusDescription, context.RequestAborted);
                return;
            }

            await socket.SendAsync(buffer.AsMemory(0, message.Count), message.MessageType, message.EndOfMessage, context.RequestAborted);
        }
    }
}
