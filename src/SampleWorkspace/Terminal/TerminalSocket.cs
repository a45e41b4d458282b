using System.Buffers;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using SampleWorkspace.Api;

namespace SampleWorkspace.Terminal;

/// <summary>One WebSocket with one shell behind it; they end together.</summary>
internal sealed class TerminalSocket(WebSocket socket, Pty pty, TimeProvider time)
{
    private const int MaximumMessage = 1024 * 1024;
    private static readonly TimeSpan CloseGrace = TimeSpan.FromSeconds(2);

    public static async Task RunAsync(HttpContext context)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            context.Response.StatusCode = StatusCodes.Status426UpgradeRequired;
            return;
        }

        var services = context.RequestServices;
        var time = services.GetRequiredService<TimeProvider>();
        var stopping = services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        await using var pty = Shell.Start(services.GetRequiredService<WorkspaceSettings>().Folder, time);
        services.GetRequiredService<ShellSessions>().Add(pty);
        using var hangUp = stopping.Register(pty.HangUp);
        await new TerminalSocket(socket, pty, time).RunAsync(ending);
    }

    private async Task RunAsync(CancellationTokenSource ending)
    {
        // A thread of its own, because it sleeps in the kernel; what the client does not take is not read from the terminal either.
        var output = Task.Factory.StartNew(
            () => PumpOutput(ending.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        var input = PumpInputAsync(ending.Token);
        if (await Task.WhenAny(output, input) == output)
        {
            await FinishAsync(input);
        }

        if (socket.State == WebSocketState.CloseReceived)
        {
            await EndQuietlyAsync(socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None));
        }

        await ending.CancelAsync();
        await pty.EndAsync();
        await Task.WhenAll(output, input);
    }

    private async Task FinishAsync(Task input)
    {
        await EndQuietlyAsync(SendAsync(new TerminalMessage("exit"), CancellationToken.None));
        await EndQuietlyAsync(socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "The shell has ended", CancellationToken.None));
        await EndQuietlyAsync(input);
    }

    private void PumpOutput(CancellationToken cancellation)
    {
        var buffer = new byte[16 * 1024];
        var characters = new char[16 * 1024];
        var decoder = Encoding.UTF8.GetDecoder();
        try
        {
            SendAsync(new TerminalMessage("connected", TermId: Guid.NewGuid().ToString("N")), cancellation).GetAwaiter().GetResult();
            int read;
            while ((read = pty.Read(buffer)) > 0)
            {
                // A character may be cut in two by the end of a read.
                var count = decoder.GetChars(buffer, 0, read, characters, 0);
                SendAsync(new TerminalMessage("data", Data: new string(characters, 0, count)), cancellation).GetAwaiter().GetResult();
            }
        }
        catch (Exception exception) when (exception is WebSocketException or OperationCanceledException)
        {
            // The client has gone; the other pump knows too.
        }
    }

    private async Task PumpInputAsync(CancellationToken cancellation)
    {
        var message = new ArrayBufferWriter<byte>();
        try
        {
            while (await ReceiveAsync(message, cancellation))
            {
                await ObeyAsync(JsonSerializer.Deserialize(message.WrittenSpan, Json.Default.TerminalMessage), cancellation);
                message.ResetWrittenCount();
            }
        }
        catch (Exception exception) when (exception is WebSocketException or OperationCanceledException or JsonException)
        {
            // Gone, or not speaking the protocol: either way this terminal is over.
        }
    }

    private async Task ObeyAsync(TerminalMessage? message, CancellationToken cancellation)
    {
        switch (message)
        {
            case { Type: "data", Data: { } data }:
                await pty.WriteAsync(Encoding.UTF8.GetBytes(data), cancellation);
                break;
            case { Type: "resize", Cols: > 0 and < 10_000 and var columns, Rows: > 0 and < 10_000 and var rows }:
                pty.Resize(columns, rows);
                break;
        }
    }

    private async Task<bool> ReceiveAsync(ArrayBufferWriter<byte> message, CancellationToken cancellation)
    {
        while (true)
        {
            var part = await socket.ReceiveAsync(message.GetMemory(4096), cancellation);
            if (part.MessageType == WebSocketMessageType.Close)
            {
                return false;
            }

            message.Advance(part.Count);
            if (part.EndOfMessage)
            {
                return true;
            }

            if (message.WrittenCount > MaximumMessage)
            {
                return false;
            }
        }
    }

    private Task SendAsync(TerminalMessage message, CancellationToken cancellation) => socket.SendAsync(
        JsonSerializer.SerializeToUtf8Bytes(message, Json.Default.TerminalMessage), WebSocketMessageType.Text, endOfMessage: true, cancellation);

    private async Task EndQuietlyAsync(Task farewell)
    {
        try
        {
            await farewell.WaitAsync(CloseGrace, time);
        }
        catch (Exception exception) when (exception is WebSocketException or OperationCanceledException or TimeoutException or IOException)
        {
            // Farewells are a courtesy.
        }
    }
}
