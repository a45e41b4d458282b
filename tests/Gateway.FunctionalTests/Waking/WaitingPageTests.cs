using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Gateway.FunctionalTests.Cloud;
using Gateway.FunctionalTests.Workspaces;
using MachinesSimulator;
using Microsoft.Playwright;
using Xunit;

namespace Gateway.FunctionalTests.Waking;

/// <summary>What a person and a program see while a workspace is on its way.</summary>
public sealed class WaitingPageTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task NavigationToASleepingWorkspace_ShowsTheStepsAndThenTheWorkspaceByItself()
    {
        // Silent until the test has seen enough, however slow the browser: no step can pass unseen.
        await using var sleeping = await SleepingWorkspace.StartAsync(null, ("Waking:PageAfter", "00:00:00"));
        sleeping.Machine.Forced = FrontMode.Silent;
        await using var browser = await RunningBrowser.StartAsync();
        var page = await browser.OpenAsync(sleeping.Cloud.TokenOf("alice"));

        var shown = await page.GotoAsync(new Uri(sleeping.Gateway.Url, "/notes?page=2").ToString());
        Assert.Equal(503, shown!.Status);
        await Assertions.Expect(page.Locator("#steps li.current")).ToHaveTextAsync("Booting", new LocatorAssertionsToHaveTextOptions { Timeout = 30_000 });
        if (Environment.GetEnvironmentVariable("SCREENSHOTS") is { Length: > 0 } folder)
        {
            await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(folder, "waiting.png") });
        }

        await sleeping.Simulator.ReachAsync(sleeping.Machine, "started");
        sleeping.Machine.Forced = null;
        sleeping.Machine.Front.Set(FrontMode.Open);
        await Assertions.Expect(page.Locator("body")).ToContainTextAsync("\"machine\"", new LocatorAssertionsToContainTextOptions { Timeout = 30_000 });
        Assert.EndsWith("/notes?page=2", page.Url, StringComparison.Ordinal);
    }

    [Fact]
    public async Task BrowserWithoutScript_GetsToTheWorkspaceAllTheSame()
    {
        await using var cloud = await GatewayEnvironment.StartAsync(static options => options.Delays.EchoBoot = TimeSpan.FromSeconds(1));
        var gateway = await cloud.StartGatewayAsync(("Waking:PageAfter", "00:00:00"));
        await using var browser = await RunningBrowser.StartAsync();
        var page = await browser.OpenAsync(cloud.TokenOf("alice"), script: false);

        await page.GotoAsync(new Uri(gateway.Url, "/notes").ToString());
        await Assertions.Expect(page.Locator("body")).ToContainTextAsync("\"machine\"", new LocatorAssertionsToContainTextOptions { Timeout = 30_000 });
    }

    [Fact]
    public async Task WakeThatFails_TellsThePageWhy()
    {
        await using var cloud = await GatewayEnvironment.StartAsync(static options => options.Delays.EchoBoot = TimeSpan.FromSeconds(30));
        var gateway = await cloud.StartGatewayAsync(("Waking:PageAfter", "00:00:00"), ("Waking:BootLimit", "00:00:02"));
        await using var browser = await RunningBrowser.StartAsync();
        var page = await browser.OpenAsync(cloud.TokenOf("alice"));

        await page.GotoAsync(gateway.Url.ToString());
        await Assertions.Expect(page.Locator("#title")).ToHaveTextAsync("Your workspace did not wake up", new LocatorAssertionsToHaveTextOptions { Timeout = 30_000 });
        await Assertions.Expect(page.Locator("#detail")).ToContainTextAsync("never said that it is ready");
        await Assertions.Expect(page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "Try again" })).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Program_IsHeldAndNeverSeesThePage()
    {
        await using var cloud = await GatewayEnvironment.StartAsync(static options => options.Delays.EchoBoot = TimeSpan.FromSeconds(1));
        var gateway = await cloud.StartGatewayAsync(("Waking:PageAfter", "00:00:00"));
        using var alice = gateway.ClientOf("alice");

        using var answer = await alice.GetAsync("/api/echo").WaitAsync(Bound);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task FormThatAPersonSends_IsHeldAndArrivesOnce()
    {
        await using var cloud = await GatewayEnvironment.StartAsync(static options => options.Delays.EchoBoot = TimeSpan.FromSeconds(1));
        var gateway = await cloud.StartGatewayAsync(("Waking:PageAfter", "00:00:00"));
        using var alice = gateway.ClientOf("alice");
        using var form = new HttpRequestMessage(HttpMethod.Post, "/form") { Content = new FormUrlEncodedContent([new("note", "kept")]) };
        form.Headers.Add("Sec-Fetch-Mode", "navigate");

        using var answer = await alice.SendAsync(form).WaitAsync(Bound);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task Events_FollowAWakeToItsEndAndWakeNothingThemselves()
    {
        await using var sleeping = await SleepingWorkspace.StartAsync();
        sleeping.Machine.Forced = FrontMode.Silent;
        Assert.Equal("asleep", (await sleeping.Alice.GetFromJsonAsync<JsonNode>("/.gateway/events").WaitAsync(Bound))!["state"]!.GetValue<string>());
        Assert.Equal(0, sleeping.Machine.Starts);

        using var ask = new HttpRequestMessage(HttpMethod.Get, "/.gateway/events");
        ask.Headers.Add("Accept", "text/event-stream");
        using var stream = await sleeping.Alice.SendAsync(ask, HttpCompletionOption.ResponseHeadersRead).WaitAsync(Bound);
        Assert.Equal("text/event-stream", stream.Content.Headers.ContentType!.MediaType);
        using var reader = new StreamReader(await stream.Content.ReadAsStreamAsync());
        var waking = sleeping.Alice.GetAsync("/api/echo");
        await ReadUntilAsync(reader, static told => told["steps"]!.AsArray().Any(static step => step!["name"]!.GetValue<string>() == "boot" && step["state"]!.GetValue<string>() == "current"));
        await sleeping.Simulator.ReachAsync(sleeping.Machine, "started");
        sleeping.Machine.Forced = null;
        sleeping.Machine.Front.Set(FrontMode.Open);

        await ReadUntilAsync(reader, static told => told["state"]!.GetValue<string>() == "awake");
        Assert.Equal(HttpStatusCode.OK, (await waking.WaitAsync(Bound)).StatusCode);
    }

    [Fact]
    public async Task Events_NeedASignedInUser()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        using var stranger = RunningGateway.Client(gateway.Url, null);

        using var answer = await stranger.GetAsync("/.gateway/events").WaitAsync(Bound);

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Fact]
    public async Task StepsOfAnotherReplicasWake_AreSeenHere()
    {
        await using var cloud = await GatewayEnvironment.StartAsync(static options => options.Delays.EchoBoot = TimeSpan.FromSeconds(10));
        var (one, two) = (await cloud.StartGatewayAsync(), await cloud.StartGatewayAsync());
        using var there = one.ClientOf("alice");
        using var here = two.ClientOf("alice");
        var waking = there.GetAsync("/api/echo");

        await Eventually.HoldsAsync(async () =>
        {
            var told = (await here.GetFromJsonAsync<JsonNode>("/.gateway/events"))!;
            return told["state"]!.GetValue<string>() == "waking"
                && told["steps"]!.AsArray().Any(static step => step!["name"]!.GetValue<string>() == "boot" && step["state"]!.GetValue<string>() == "current");
        });
        Assert.Equal(HttpStatusCode.OK, (await waking.WaitAsync(Bound)).StatusCode);
    }

    private static async Task ReadUntilAsync(StreamReader reader, Func<JsonNode, bool> holds)
    {
        using var bound = new CancellationTokenSource(Bound, TimeProvider.System);
        while (await reader.ReadLineAsync(bound.Token) is { } line)
        {
            if (line.StartsWith("data: ", StringComparison.Ordinal) && holds(JsonNode.Parse(line["data: ".Length..])!))
            {
                return;
            }
        }

        Assert.Fail("The stream ended before that.");
    }
}
