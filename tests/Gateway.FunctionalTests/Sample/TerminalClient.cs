using System.Net.WebSockets;
using System.Text;
using System.Text.Json;

namespace Gateway.FunctionalTests.Sample;

/// <summary>Types into a terminal and waits for what it shows.</summary>
internal sealed class TerminalClient(ClientWebSocket socket) : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private readonly byte[] _buffer = new byte[256 * 1024];
    private readonly StringBuilder _screen = new();
    private int _seen;

    public ClientWebSocket Socket => socket;

    public Task SendAsync(object message) => socket.SendAsync(
        JsonSerializer.SerializeToUtf8Bytes(message), WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None).WaitAsync(Limit);

    public Task TypeAsync(string keys) => SendAsync(new { type = "data", data = keys });

    public Task ResizeAsync(int cols, int rows) => SendAsync(new { type = "resize", cols, rows });

    /// <summary>Runs a command and waits for the marker behind it, which is not in the echo of what was typed.</summary>
    public async Task<string> RunAsync(string command)
    {
        await TypeAsync($"{command}; echo do''ne\r");
        return await ShowsAsync("done");
    }

    /// <summary>Reads until the text is shown behind all that was waited for before, and returns what was shown in between.</summary>
    public async Task<string> ShowsAsync(string text)
    {
        while (true)
        {
            var screen = _screen.ToString();
            var found = screen.IndexOf(text, _seen, StringComparison.Ordinal);
            if (found >= 0)
            {
                var between = screen[_seen..found];
                _seen = found + text.Length;
                return between;
            }

            Show(await ReadAsync(screen[_seen..]));
        }
    }

    /// <summary>The next message of this type; what comes before it is shown.</summary>
    public async Task<JsonElement> MessageAsync(string type)
    {
        while (true)
        {
            var message = await ReadAsync("");
            if (message.GetProperty("type").GetString() == type)
            {
                return message;
            }

            Show(message);
        }
    }

    public Task<WebSocketReceiveResult> ReceiveAsync() => socket.ReceiveAsync(_buffer, CancellationToken.None).WaitAsync(Limit);

    public ValueTask DisposeAsync()
    {
        socket.Dispose();
        return ValueTask.CompletedTask;
    }

    private void Show(JsonElement message)
    {
        if (message.TryGetProperty("data", out var data))
        {
            _screen.Append(data.GetString());
        }
    }

    private async Task<JsonElement> ReadAsync(string shown)
    {
        var length = 0;
        while (true)
        {
            using var limit = new CancellationTokenSource(Limit);
            WebSocketReceiveResult part;
            try
            {
                part = await socket.ReceiveAsync(new ArraySegment<byte>(_buffer, length, _buffer.Length - length), limit.Token);
            }
            catch (OperationCanceledException)
            {
                throw new TimeoutException($"The terminal shows: {shown}");
            }

            if (part.MessageType == WebSocketMessageType.Close)
            {
                throw new InvalidOperationException($"Closed ({part.CloseStatus}) showing: {shown}");
            }

            length += part.Count;
            if (part.EndOfMessage)
            {
                return JsonSerializer.Deserialize<JsonElement>(_buffer.AsSpan(0, length));
            }
        }
    }
}
