namespace SampleWorkspace.Api;

internal static class WorkspaceApi
{
    private static readonly string[] UploadMethods = ["POST", "PUT"];

    public static void MapWorkspaceApi(this IEndpointRouteBuilder app)
    {
        app.MapGet("/api/health", HealthAsync);
        app.MapGet("/api/env", (HttpContext context) =>
            Json.WriteAsync(context, new Dictionary<string, string>(context.RequestServices.GetRequiredService<WorkspaceSettings>().Documented)));
        app.MapPost("/api/chat", Chat.StreamAsync);
        app.Map("/api/silent", Chat.SilentAsync);
        app.MapMethods("/api/upload", UploadMethods, Uploads.ReceiveAsync);
        app.MapGet("/api/upload", Uploads.CountAsync);
        app.Map("/api/echo/{**rest}", Echo.AnswerAsync);
        app.MapGet("/api/files/{name}", Files.ReadAsync);
        app.MapPut("/api/files/{name}", Files.WriteAsync);
    }

    private static Task HealthAsync(HttpContext context) =>
        Json.WriteAsync(context, new HealthAnswer("ok", context.RequestServices.GetRequiredService<Readiness>().AnswerableSince));
}
