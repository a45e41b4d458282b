using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace SampleWorkspace.Api;

internal sealed record HealthAnswer(string Status, long AnswerableSince);

internal sealed record ChatLine(string Type, int Second, string Text);

internal sealed record SilentAnswer(double SilentSeconds);

internal sealed record UploadAnswer(string Sha256, long Length, int Uploads);

internal sealed record UploadCountAnswer(int Uploads);

internal sealed record EchoAnswer(
    string Method, string RawTarget, Dictionary<string, string[]> Headers, Dictionary<string, string[]> Trailers, string Sha256, long Length);

internal sealed record FileAnswer(string Name, long Length);

/// <summary>Source-generated, since reflection over these would be paid at every boot.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(HealthAnswer))]
[JsonSerializable(typeof(ChatLine))]
[JsonSerializable(typeof(SilentAnswer))]
[JsonSerializable(typeof(UploadAnswer))]
[JsonSerializable(typeof(UploadCountAnswer))]
[JsonSerializable(typeof(EchoAnswer))]
[JsonSerializable(typeof(FileAnswer))]
[JsonSerializable(typeof(Dictionary<string, string>))]
[JsonSerializable(typeof(Terminal.TerminalMessage))]
internal sealed partial class Json : JsonSerializerContext
{
    public static Task WriteAsync<T>(HttpContext context, T value)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(value, (JsonTypeInfo<T>)Default.GetTypeInfo(typeof(T))!);
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = bytes.Length;
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : context.Response.Body.WriteAsync(bytes, context.RequestAborted).AsTask();
    }
}
