using Microsoft.Playwright;
using Xunit;

namespace Gateway.FunctionalTests.Cloud;

/// <summary>A headless Chromium of the test's own.</summary>
internal sealed class RunningBrowser : IAsyncDisposable
{
    private const string Chromium = "/usr/bin/chromium";

    // Several browsers, clouds and machines on a busy computer.
    private const float Patience = 30_000;

    private readonly IPlaywright _playwright;

    private RunningBrowser(IPlaywright playwright, IBrowser browser) => (_playwright, Browser) = (playwright, browser);

    public IBrowser Browser { get; }

    public static async Task<RunningBrowser> StartAsync()
    {
        Assert.True(File.Exists(Chromium), "Chromium is needed for this test and is not installed: run `bash tests/run`, which installs it.");
        var playwright = await Playwright.CreateAsync();
        return new RunningBrowser(playwright, await playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = Chromium,
            Args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
        }));
    }

    /// <summary>A page in a profile of its own; with a token, all it asks for carries it.</summary>
    public async Task<IPage> OpenAsync(string? token = null, bool script = true)
    {
        var context = await Browser.NewContextAsync(new BrowserNewContextOptions
        {
            JavaScriptEnabled = script,
            ExtraHTTPHeaders = token is null ? null : [new("Authorization", "Bearer " + token)],
        });
        context.SetDefaultTimeout(Patience);
        context.SetDefaultNavigationTimeout(Patience);
        return await context.NewPageAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await Browser.DisposeAsync();
        _playwright.Dispose();
    }
}
