using Microsoft.Extensions.FileProviders;
using SampleWorkspace.Access;
using SampleWorkspace.Api;
using SampleWorkspace.Terminal;

namespace SampleWorkspace;

/// <summary>The workspace as a web app, built the same way by its process and by tests.</summary>
internal static class WorkspaceApp
{
    public static WebApplication Build(WorkspaceSettings settings, TimeProvider time)
    {
        // No arguments and no appsettings: the environment is the whole configuration, and the volume may hold a file of that name.
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Configuration.Sources.Clear();
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.Services.AddSingleton(settings);
        builder.Services.AddSingleton(time);
        builder.Services.AddSingleton<Readiness>();
        builder.Services.AddSingleton<UploadCount>();
        builder.Services.AddSingleton<ShellSessions>();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(settings.Listen);
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MinResponseDataRate = null;
        });

        var app = builder.Build();
        app.Services.GetRequiredService<Readiness>();
        app.UseOnlyThroughTheGateway(settings, time);
        var pages = new PhysicalFileProvider(Path.Combine(AppContext.BaseDirectory, "wwwroot"));
        app.UseDefaultFiles(new DefaultFilesOptions { FileProvider = pages });
        app.UseStaticFiles(new StaticFileOptions { FileProvider = pages });
        app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = TimeSpan.Zero });
        app.UseRouting();
        app.MapWorkspaceApi();
        app.Map("/terminal", TerminalSocket.RunAsync);
        return app;
    }
}
