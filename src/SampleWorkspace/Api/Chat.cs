using System.Globalization;
using System.Text.Json;

namespace SampleWorkspace.Api;

/// <summary>Answers that take their time: one that streams like an agent's, one that says nothing for long.</summary>
internal static class Chat
{
    private static readonly byte[] NewLine = "\n"u8.ToArray();

    public static async Task StreamAsync(HttpContext context)
    {
        var time = context.RequestServices.GetRequiredService<TimeProvider>();
        var seconds = (int)Seconds(context, otherwise: 5);
        context.Response.ContentType = "application/x-ndjson";
        for (var second = 1; second <= seconds; second++)
        {
            await LineAsync(context, new ChatLine("delta", second, $"Word {second} of {seconds}. "));
            await Task.Delay(TimeSpan.FromSeconds(1), time, context.RequestAborted);
        }

        await LineAsync(context, new ChatLine("done", seconds, ""));
    }

    public static async Task SilentAsync(HttpContext context)
    {
        var seconds = Seconds(context, otherwise: 5);
        var time = context.RequestServices.GetRequiredService<TimeProvider>();
        await Task.Delay(TimeSpan.FromSeconds(seconds), time, context.RequestAborted);
        await Json.WriteAsync(context, new SilentAnswer(seconds));
    }

    private static async Task LineAsync(HttpContext context, ChatLine line)
    {
        await context.Response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(line, Json.Default.ChatLine), context.RequestAborted);
        await context.Response.Body.WriteAsync(NewLine, context.RequestAborted);
        await context.Response.Body.FlushAsync(context.RequestAborted);
    }

    private static double Seconds(HttpContext context, double otherwise) =>
        double.TryParse(context.Request.Query["seconds"], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds)
            ? Math.Clamp(seconds, 0, 24 * 3600)
            : otherwise;
}
