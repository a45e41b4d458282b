using System.Globalization;
using System.Text.Json;
using Gateway.FunctionalTests.Cloud;
using Gateway.Sessions;
using Microsoft.Playwright;
using Xunit;

namespace Gateway.FunctionalTests.Operations;

/// <summary>What an operator does with the console, in a real browser.</summary>
public sealed class ConsoleTests(ConsoleFixture console) : IClassFixture<ConsoleFixture>
{
    // Several browsers, clouds and machines on a busy computer.
    private const float Patience = 30_000;

    [Fact]
    public async Task Operator_FindsOneOf5000_SeesTheirMachineWake_StopsItAndReadsWhy()
    {
        await using var browser = await RunningBrowser.StartAsync();
        var page = await OpenAsync(browser, "/");
        await Assertions.Expect(page.Locator(".states")).ToContainTextAsync("5,000 all");

        // By the keyboard alone.
        await page.Keyboard.PressAsync("/");
        await page.Keyboard.TypeAsync(ConsoleFixture.Watched);
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.Locator("table.routes tbody tr")).ToHaveCountAsync(1);
        await Assertions.Expect(page.Locator("#live")).ToHaveTextAsync("Live", Patient);
        await page.EvaluateAsync("() => { window.sameDocument = true; }");

        using var user = console.Gateway.ClientOf(ConsoleFixture.Watched);
        using var woken = await user.GetAsync("/");
        Assert.True(woken.IsSuccessStatusCode);
        await Assertions.Expect(page.Locator("#state-" + ConsoleFixture.Watched)).ToHaveTextAsync("awake", Patient);
        Assert.True(await page.EvaluateAsync<bool>("() => window.sameDocument === true"));

        await page.ClickAsync("#route-" + ConsoleFixture.Watched);
        await Assertions.Expect(page.Locator("#now")).ToContainTextAsync("Awake", new() { Timeout = Patience });
        await Assertions.Expect(page.Locator("#causes")).ToContainTextAsync("wake request", new() { Timeout = Patience });
        await page.ClickAsync("#do-stop");
        await Assertions.Expect(page.Locator("h1")).ToHaveTextAsync($"Stop the machine of {ConsoleFixture.Watched}?");
        await AssertAccessibleAsync(page);
        await page.ClickAsync("button.danger");
        await Assertions.Expect(page.Locator("[role=status].good")).ToHaveTextAsync("The machine is being stopped.");
        await Assertions.Expect(page.Locator("#state-" + ConsoleFixture.Watched)).ToHaveTextAsync("asleep", Patient);
        await Assertions.Expect(page.Locator("#causes")).ToContainTextAsync("an operator asked for it", new() { Timeout = Patience });
        Assert.Equal("stopped", console.Machine.State);
    }

    [Theory]
    [InlineData("/", ColorScheme.Light)]
    [InlineData("/", ColorScheme.Dark)]
    [InlineData("/?state=awake", ColorScheme.Light)]
    [InlineData("/users/user0040", ColorScheme.Light)]
    [InlineData("/users/user0040", ColorScheme.Dark)]
    [InlineData("/drift", ColorScheme.Light)]
    [InlineData("/costs", ColorScheme.Light)]
    [InlineData("/costs?users=x", ColorScheme.Dark)]
    public async Task Page_HasNoSeriousFaultForThoseWhoCannotSeeOrPoint(string path, ColorScheme scheme)
    {
        await using var browser = await RunningBrowser.StartAsync();
        await AssertAccessibleAsync(await OpenAsync(browser, path, scheme));
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/users/user0040")]
    [InlineData("/users/user0040/pin")]
    [InlineData("/costs")]
    public async Task Page_FitsAPhone(string path)
    {
        await using var browser = await RunningBrowser.StartAsync();
        var page = await OpenAsync(browser, path, width: 390);

        Assert.Equal(0, await page.EvaluateAsync<int>("() => document.documentElement.scrollWidth - innerWidth"));
        await AssertAccessibleAsync(page);
    }

    [Fact]
    public async Task CostsPage_WorksAPlanOutWithoutScript()
    {
        await using var browser = await RunningBrowser.StartAsync();
        var page = await OpenAsync(browser, "/costs", script: false);

        await page.FillAsync("[name=users]", "200");
        await page.SelectOptionAsync("[name=region]", "sjc");
        await page.ClickAsync("text=Work it out");

        await Assertions.Expect(page.Locator("#plan-total")).ToHaveTextAsync("$240.99");
        await Assertions.Expect(page.Locator("[name=users]")).ToHaveValueAsync("200");
    }

    [Fact]
    public async Task PageWithoutScript_ShowsAllAndActs()
    {
        await using var browser = await RunningBrowser.StartAsync();
        var page = await OpenAsync(browser, "/users/user0041", script: false);

        await page.ClickAsync("#do-drain");
        await page.ClickAsync("button.danger");
        await Assertions.Expect(page.Locator("#now .tag")).ToHaveTextAsync("closed");
        await page.ClickAsync("#do-undrain");
        await page.ClickAsync("button.main");
        await Assertions.Expect(page.Locator("#now .tag")).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task Pages_FollowEachOther_AndAskForNothingElsewhere()
    {
        await using var browser = await RunningBrowser.StartAsync();
        var elsewhere = new List<string>();
        var complaints = new List<string>();
        var page = await OpenAsync(browser, "/", before: page =>
        {
            page.Request += (_, request) => elsewhere.AddRange(request.Url.StartsWith("http://127.0.0.1:", StringComparison.Ordinal) ? [] : [request.Url]);
            page.Console += (_, message) => complaints.AddRange(message.Type == "error" ? [message.Text] : []);
        });

        await page.ClickAsync("#next");
        await Assertions.Expect(page.Locator("table.routes tbody tr").First).ToContainTextAsync("user0050");
        await page.ClickAsync("#first");
        await Assertions.Expect(page.Locator("table.routes tbody tr").First).ToContainTextAsync("user0000");

        Assert.Empty(elsewhere);
        Assert.Empty(complaints);
    }

    [Fact]
    public async Task Console_ShowsADayOfAMachine_InLightAndDarkAndOnAPhone()
    {
        await MakeADayAsync();
        await using var browser = await RunningBrowser.StartAsync();
        await ShootAsync(await OpenAsync(browser, "/users/user0040"), "console-user.png");
        await ShootAsync(await OpenAsync(browser, "/"), "console.png");
        await ShootAsync(await OpenAsync(browser, "/", ColorScheme.Dark), "console-dark.png");
        await ShootAsync(await OpenAsync(browser, "/", width: 390), "console-phone.png");
        await ShootAsync(await OpenAsync(browser, "/users/user0040/stop"), "console-stop.png");
    }

    [Fact]
    public async Task CostsPage_DrawsTheMonth_AndNamesWhoWasAwakeWithoutUse()
    {
        await using var browser = await RunningBrowser.StartAsync();
        var page = await OpenAsync(browser, "/costs");

        await Assertions.Expect(page.Locator("[aria-label='By day'] rect.cost-kept").First).ToBeAttachedAsync();
        await Assertions.Expect(page.Locator("[aria-label='Awake without use'] tbody tr")).Not.ToHaveCountAsync(0);
        await ShootAsync(page, "console-costs.png", whole: true);
        await ShootAsync(await OpenAsync(browser, "/costs", ColorScheme.Dark, width: 390), "console-costs-phone.png", whole: true);
    }

    /// <summary>A day of one machine, and wakes of others, as a gateway in use would have written them.</summary>
    private async Task MakeADayAsync()
    {
        var now = TimeProvider.System.GetUtcNow();
        var machine = ConsoleFixture.MachineOf(40);
        using var redis = await console.Cloud.Redis.ConnectAsync();
        var keys = new MapKeys("{gateway}");
        foreach (var (hoursAgo, state) in new[] { (23.5, "asleep"), (20.1, "waking"), (20.0, "awake"), (16.4, "asleep"), (7.1, "waking"), (7.05, "awake"), (4.0, "stopping"), (3.95, "asleep"), (1.6, "waking"), (1.55, "awake") })
        {
            var at = now.AddHours(-hoursAgo).ToUnixTimeMilliseconds();
            await redis.GetDatabase().SortedSetAddAsync(keys.Timeline(machine), string.Create(CultureInfo.InvariantCulture, $"{at}|{state}"), at);
        }

        var random = new Random(1);
        var uses = new[] { 19.9, 19.5, 18.8, 17.6, 17.0, 7.0, 6.6, 6.1, 5.0, 4.4, 1.5, 1.2, 0.9, 0.4 }.Select(hours => new RouteCause { Machine = machine, At = now.AddHours(-hours), Kind = "use", What = (int)(hours * 10) % 3 == 0 ? "frame_to_client" : "request", Replica = "148e-one", Times = 12 });
        var decided = new[] { 16.4, 4.0 }.Select(hours => new RouteCause { Machine = machine, At = now.AddHours(-hours), Kind = "decision", What = "put_to_sleep", Rule = "nothing passed for Idling:IdleAfter and every replica consented", Replica = "148e-one" });
        var wakes = new[] { 20.1, 7.1, 1.6 }.Select(hours => new RouteCause { Machine = machine, At = now.AddHours(-hours), Kind = "wake", What = "navigation", Rule = "a request, a sign-in or an operator wanted it awake", Replica = "148e-two", Timing = Timing(1.4) });
        var others = Enumerable.Range(0, 260).Select(i => new RouteCause { Machine = ConsoleFixture.MachineOf(i * 7), At = now.AddMinutes(-i), Kind = "wake", What = "request", Timing = Timing(0.35 + (Math.Pow(random.NextDouble(), 5) * 14)) });
        await console.Map.History.AppendAsync([.. others, .. uses, .. decided, .. wakes], CancellationToken.None);

        static Dictionary<string, double> Timing(double total) => new() { ["start"] = total / 4, ["boot"] = total / 2, ["probe"] = total / 4, ["total"] = total };
    }

    private static readonly string? Folder = Environment.GetEnvironmentVariable("SCREENSHOTS") is { Length: > 0 } folder ? folder : null;

    private static LocatorAssertionsToHaveTextOptions Patient => new() { Timeout = Patience };

    private async Task<IPage> OpenAsync(RunningBrowser browser, string path, ColorScheme scheme = ColorScheme.Light, int width = 1280, bool script = true, Action<IPage>? before = null)
    {
        console.NextIs("ops", "operator");
        var context = await browser.Browser.NewContextAsync(new BrowserNewContextOptions
        {
            ColorScheme = scheme,
            JavaScriptEnabled = script,
            ReducedMotion = ReducedMotion.Reduce,
            ViewportSize = new ViewportSize { Width = width, Height = 860 },
        });
        context.SetDefaultTimeout(Patience);
        var page = await context.NewPageAsync();
        before?.Invoke(page);
        await page.GotoAsync(new Uri(console.Gateway.OperationsUrl, path).ToString());
        return page;
    }

    private static async Task ShootAsync(IPage page, string name, bool whole = false)
    {
        var picture = await page.ScreenshotAsync(new PageScreenshotOptions { FullPage = whole });
        Assert.True(picture.Length > 10_000, $"{name} has {picture.Length} bytes: an empty page.");
        if (Folder is not null)
        {
            await File.WriteAllBytesAsync(Path.Combine(Folder, name), picture);
        }
    }

    private static async Task AssertAccessibleAsync(IPage page)
    {
        await page.EvaluateAsync(await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "Operations", "axe", "axe.min.js")));
        var found = await page.EvaluateAsync<JsonElement>("() => axe.run().then(result => result.violations.filter(one => one.impact === 'serious' || one.impact === 'critical'))");
        var faults = found.EnumerateArray().Select(static fault => string.Create(CultureInfo.InvariantCulture, $"{fault.GetProperty("id")}: {fault.GetProperty("help")}: {fault.GetProperty("nodes")[0].GetProperty("html")}"));
        Assert.Empty(faults);
    }
}
