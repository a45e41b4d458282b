using System.Globalization;
using System.Net;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Benchmarks;

/// <summary>The terminal of every machine: sends back what it gets, in a process of its own. It answers the health check as well, so machines wake on it.</summary>
internal static class EchoBackend
{
    public const string Mode = "echo-backend";

    /// <summary>A body of <see cref="Large"/> bytes; a POST of anything is read whole and its length answered.</summary>
    public const string Download = "/large";

    /// <summary><see cref="Parts"/> parts of <see cref="PartSize"/> bytes, one write each.</summary>
    public const string Streaming = "/stream";

    /// <summary>A socket that sends <see cref="Output"/> bytes in frames of 4 KB after the first message, and closes.</summary>
    public const string BulkOutput = "/output";

    public const long Large = 100L * 1024 * 1024;
    public const long Output = 64L * 1024 * 1024;
    public const int Parts = 20_000;
    public const int PartSize = 64;

    private const int Block = 64 * 1024;

    public static async Task<int> RunAsync(int port)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Any, port);
            kestrel.Limits.MaxRequestBodySize = null;
        });
        var app = builder.Build();
        app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = Timeout.InfiniteTimeSpan });
        app.Run(static async context =>
        {
            if (!context.WebSockets.IsWebSocketRequest)
            {
                await AnswerAsync(context);
                return;
            }

            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            if (context.Request.Path == BulkOutput)
            {
                await PourAsync(socket, context.RequestAborted);
                return;
            }

            var buffer = new byte[4096];
            while (await socket.ReceiveAsync(buffer.AsMemory(), context.RequestAborted) is { MessageType: not WebSocketMessageType.Close } message)
            {
                await socket.SendAsync(buffer.AsMemory(0, message.Count), message.MessageType, message.EndOfMessage, context.RequestAborted);
            }
        });
        await app.RunAsync();
        return 0;
    }

    /// <summary>What is asked for large things; anything else is answered small.</summary>
    private static async Task AnswerAsync(HttpContext context)
    {
        var cancellation = context.RequestAborted;
        var block = new byte[Block];
        if (HttpMethods.IsPost(context.Request.Method))
        {
            var read = 0L;
            while (await context.Request.Body.ReadAsync(block, cancellation) is > 0 and var some)
            {
                read += some;
            }

            await context.Response.WriteAsync(read.ToString(CultureInfo.InvariantCulture), cancellation);
        }
        else if (context.Request.Path == Download)
        {
            context.Response.ContentLength = Large;
            for (var sent = 0L; sent < Large; sent += Block)
            {
                await context.Response.BodyWriter.WriteAsync(block, cancellation);
            }
        }
        else if (context.Request.Path == Streaming)
        {
            // As a model's answer comes: many small parts, each sent at once.
            context.Response.ContentType = "text/event-stream";
            for (var part = 0; part < Parts; part++)
            {
                await context.Response.BodyWriter.WriteAsync(block.AsMemory(0, PartSize), cancellation);
            }
        }
        else
        {
            await context.Response.WriteAsync("""{"answer":"small"}""", cancellation);
        }
    }

    /// <summary>A program that prints much: after a message of the client's, frames of 4 KB until all is out.</summary>
    private static async Task PourAsync(WebSocket socket, CancellationToken cancellationToken)
    {
        var line = new byte[4096];
        await socket.ReceiveAsync(line.AsMemory(), cancellationToken);
        for (var sent = 0L; sent < Output; sent += line.Length)
        {
            await socket.SendAsync(line.AsMemory(), WebSocketMessageType.Binary, true, cancellationToken);
        }

        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, cancellationToken);
    }

    public static string[] Arguments(int port) => [Mode, port.ToString(CultureInfo.InvariantCulture)];
}
