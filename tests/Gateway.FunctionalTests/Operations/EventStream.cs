using System.Text.Json;

namespace Gateway.FunctionalTests.Operations;

/// <summary>Reads server-sent events, each within a bound.</summary>
internal sealed class EventStream : IDisposable
{
    private readonly HttpResponseMessage _answer;
    private readonly StreamReader _reader;

    private EventStream(HttpResponseMessage answer, Stream body) => (_answer, _reader) = (answer, new StreamReader(body));

    public static async Task<EventStream> OpenAsync(HttpClient client, string? last)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/events");
        if (last is not null)
        {
            request.Headers.Add("Last-Event-ID", last);
        }

        var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        answer.EnsureSuccessStatusCode();
        return new EventStream(answer, await answer.Content.ReadAsStreamAsync());
    }

    public async Task<(string Id, string Kind, JsonElement Data)> ReadAsync()
    {
        var (id, kind) = ("", "");
        while (true)
        {
            var line = await _reader.ReadLineAsync().WaitAsync(Eventually.Limit) ?? throw new EndOfStreamException("The event stream ended.");
            if (line.StartsWith("id: ", StringComparison.Ordinal))
            {
                id = line[4..];
            }
            else if (line.StartsWith("event: ", StringComparison.Ordinal))
            {
                kind = line[7..];
            }
            else if (line.StartsWith("data: ", StringComparison.Ordinal))
            {
                return (id, kind, JsonSerializer.Deserialize<JsonElement>(line[6..]));
            }
        }
    }

    public void Dispose()
    {
        _reader.Dispose();
        _answer.Dispose();
    }
}
