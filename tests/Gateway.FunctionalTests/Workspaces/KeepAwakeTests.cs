using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Gateway.Sessions;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Gateway.FunctionalTests.Workspaces;

/// <summary>A workspace that is about to sleep says so, and may put it off.</summary>
public sealed class KeepAwakeTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task BusyWorkspace_IsNotDueBeforeItsWorkIsDone()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        using var alice = gateway.ClientOf("alice");
        (await alice.GetAsync("/first")).EnsureSuccessStatusCode();
        var before = TimeProvider.System.GetUtcNow();

        using var answer = await alice.PostAsJsonAsync("/.gateway/busy", new { minutes = 45 });

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.True((await answer.Content.ReadFromJsonAsync<JsonNode>())!["until"]!.GetValue<DateTimeOffset>() >= before.AddMinutes(45));
        var due = await gateway.Services.GetRequiredService<IVisitMap>().DueAtAsync(new(cloud.Simulator.MachineOf("alice").Id), CancellationToken.None);
        Assert.True(due >= before.AddMinutes(44), $"due at {due:O}");
    }

    [Theory]
    [InlineData("{\"minutes\": 0}")]
    [InlineData("{\"minutes\": 61}")]
    [InlineData("{\"minutes\": \"long\"}")]
    [InlineData("{}")]
    [InlineData("nonsense")]
    public async Task TimeThatMakesNoSense_IsRefusedWithWhatToSend(string body)
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        using var alice = gateway.ClientOf("alice");

        using var answer = await alice.PostAsync("/.gateway/busy", new StringContent(body));

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("minutes", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task WorkspaceThatSleeps_IsNotWokenByBeingKept()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        using var alice = gateway.ClientOf("alice");

        using var answer = await alice.PostAsync("/.gateway/keep", null);

        Assert.Equal((HttpStatusCode.Conflict, "asleep"), (answer.StatusCode, answer.Headers.GetValues("Gateway-State").Single()));
        Assert.Empty(cloud.Simulator.Machines);
    }

    [Fact]
    public async Task PageOfAnotherSite_KeepsNothingAwake()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        using var alice = gateway.ClientOf("alice");
        using var asked = new HttpRequestMessage(HttpMethod.Post, "/.gateway/keep");
        asked.Headers.Add("Sec-Fetch-Site", "cross-site");

        using var answer = await alice.SendAsync(asked);

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
    }

    [Fact]
    public async Task OpenPage_IsWarnedBeforeItsMachineSleeps_AndKeepsItByOnePost()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync(
            ("Idling:IdleAfter", "00:10:00"), ("Idling:WarnBefore", "00:09:58"), ("Idling:ReportEvery", "00:00:00.5"), ("Idling:ReplicaLease", "00:00:05"));
        using var alice = gateway.ClientOf("alice");
        (await alice.GetAsync("/first")).EnsureSuccessStatusCode();
        using var ask = new HttpRequestMessage(HttpMethod.Get, "/.gateway/events");
        ask.Headers.Add("Accept", "text/event-stream");
        using var stream = await alice.SendAsync(ask, HttpCompletionOption.ResponseHeadersRead).WaitAsync(Bound);
        using var reader = new StreamReader(await stream.Content.ReadAsStreamAsync());

        await ReadUntilAsync(reader, "event: stop-warning");
        var warning = JsonNode.Parse((await reader.ReadLineAsync().WaitAsync(Bound))!["data: ".Length..])!;
        Assert.InRange(warning["sleeps_in"]!.GetValue<double>(), 1, 598);

        using var kept = await alice.PostAsync(warning["keep"]!.GetValue<string>(), null);
        Assert.Equal(HttpStatusCode.OK, kept.StatusCode);
        await ReadUntilAsync(reader, "event: stop-averted");
    }

    private static async Task ReadUntilAsync(StreamReader reader, string line)
    {
        using var bound = new CancellationTokenSource(Bound, TimeProvider.System);
        while (await reader.ReadLineAsync(bound.Token) != line)
        {
        }
    }
}
