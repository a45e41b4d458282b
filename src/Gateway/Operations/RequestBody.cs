using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Gateway.Operations;

/// <summary>A small JSON body that may be missing.</summary>
internal static class RequestBody
{
    private const int Usual = 1 << 20;

    /// <summary>The body, null when there is none, or the sentence that says what is wrong with it.</summary>
    public static async Task<(T? Body, string? Fault)> ReadAsync<T>(HttpRequest request, JsonTypeInfo<T> type, CancellationToken cancellationToken, int longest = Usual)
        where T : class
    {
        using var buffer = new MemoryStream();
        var chunk = new byte[4096];
        for (int read; (read = await request.Body.ReadAsync(chunk, cancellationToken)) > 0;)
        {
            if (buffer.Length + read > longest)
            {
                return (null, "the body is too long");
            }

            buffer.Write(chunk, 0, read);
        }

        if (buffer.Length == 0)
        {
            return (null, null);
        }

        try
        {
            buffer.Position = 0;
            return (await JsonSerializer.DeserializeAsync(buffer, type, cancellationToken), null);
        }
        catch (JsonException e)
        {
            return (null, $"the body is not the JSON expected here, near {e.Path}");
        }
    }
}
