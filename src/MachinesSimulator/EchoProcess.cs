using System.Diagnostics;
using System.Runtime.InteropServices;

namespace MachinesSimulator;

/// <summary>A workspace as a real process (<c>--echo</c>): it listens where it is told, tells what it is, and keeps files on its volume.</summary>
internal static class EchoProcess
{
    public const string Argument = "--echo";

    public static async Task RunAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://" + (Environment.GetEnvironmentVariable("SIMULATOR_LISTEN") ?? "127.0.0.1:10000"));
        await using var app = builder.Build();
        var requests = 0;
        app.MapGet("/api/health", static () => Results.Ok());
        app.MapGet("/", () => Results.Json(new EchoIdentity(Environment.ProcessId, Interlocked.Increment(ref requests))));
        app.MapGet("/env/{name}", static (string name) => Environment.GetEnvironmentVariable(name) ?? "");
        app.MapGet("/files/{name}", static (string name) => File.Exists(InVolume(name)) ? Results.Text(File.ReadAllText(InVolume(name))) : Results.NotFound());
        app.MapPut("/files/{name}", static async (string name, HttpContext context) =>
        {
            await using var file = File.Create(InVolume(name));
            await context.Request.Body.CopyToAsync(file, context.RequestAborted);
        });
        app.MapPost("/child", static () =>
        {
            using var child = Process.Start("sleep", "600");
            return Results.Json(child.Id);
        });
        app.MapPost("/exit/{code:int}", static (int code) => Environment.Exit(code));
        using var deaf = Environment.GetEnvironmentVariable("ECHO_IGNORES_TERM") is { Length: > 0 }
            ? PosixSignalRegistration.Create(PosixSignal.SIGTERM, static signal => signal.Cancel = true)
            : null;
        await app.StartAsync();
        await (deaf is null ? app.WaitForShutdownAsync() : Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System));
    }

    private static string InVolume(string name) =>
        Path.Combine(Environment.GetEnvironmentVariable("WORKSPACE_PATH") ?? Path.GetTempPath(), Path.GetFileName(name));
}

/// <summary>Which process answered, and how many times it has.</summary>
internal sealed record EchoIdentity(int Process, int Requests);
