using SampleWorkspace;

var settings = WorkspaceSettings.FromEnvironment();
if (settings.BootDelay > TimeSpan.Zero)
{
    await Task.Delay(settings.BootDelay, TimeProvider.System);
}

await using var app = WorkspaceApp.Build(settings, TimeProvider.System);
await app.RunAsync();
