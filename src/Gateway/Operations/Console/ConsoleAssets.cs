using System.Security.Cryptography;

namespace Gateway.Operations.Console;

/// <summary>The console's few files, out of this program: their names change with their content, so browsers keep them for good.</summary>
internal sealed class ConsoleAssets
{
    public static readonly ConsoleAssets Style = new("console.css", "text/css; charset=utf-8");
    public static readonly ConsoleAssets Script = new("console.js", "text/javascript; charset=utf-8");
    public static readonly ConsoleAssets Icon = new("console.svg", "image/svg+xml");

    private readonly byte[] _content;
    private readonly string _type;

    private ConsoleAssets(string name, string type)
    {
        using var stream = typeof(ConsoleAssets).Assembly.GetManifestResourceStream(name) ?? throw new InvalidOperationException($"{name} is not in this program.");
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        _content = copy.ToArray();
        _type = type;
        Path = $"/assets/{Convert.ToHexStringLower(SHA256.HashData(_content))[..12]}/{name}";
    }

    public string Path { get; }

    public Task WriteAsync(HttpContext context)
    {
        var response = context.Response;
        response.ContentType = _type;
        response.ContentLength = _content.Length;
        response.Headers.CacheControl = "private, max-age=31536000, immutable";
        response.Headers.XContentTypeOptions = "nosniff";
        return response.Body.WriteAsync(_content, context.RequestAborted).AsTask();
    }
}
