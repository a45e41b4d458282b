using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Gateway.FunctionalTests.Identity;
using Xunit;

namespace Gateway.FunctionalTests.Operations;

/// <summary>What the API says of money.</summary>
public sealed class CostTests
{
    [Fact]
    public async Task Plan_IsAnsweredToViewers_WithItsSums()
    {
        await using var host = await GatewayHost.StartAsync();
        using var viewer = host.NewProgram(host.Authority.AccessToken("looking", claims: new() { ["role"] = "viewer" }), host.OperationsUrl);

        var plan = await viewer.GetFromJsonAsync<JsonElement>("/api/costs/plan?users=100&hours_per_day=2&memory_mb=512&volume_gb=5");

        Assert.Equal(120.49m, plan.GetProperty("month").GetProperty("total").GetDecimal());
        Assert.Equal("sjc", plan.GetProperty("asked").GetProperty("region").GetString());
        Assert.Equal("volumes: 100 × 5 GB × $0.15 = $75.00", plan.GetProperty("sums")[1].GetString());
    }

    [Fact]
    public async Task PlanThatCannotBeRead_IsRefusedWithEachFault()
    {
        await using var host = await GatewayHost.StartAsync();
        using var viewer = host.NewProgram(host.Authority.AccessToken("looking", claims: new() { ["role"] = "viewer" }), host.OperationsUrl);

        using var answer = await viewer.GetAsync("/api/costs/plan?users=many&region=moon");

        await ProgramTests.AssertProblemAsync(answer, HttpStatusCode.BadRequest, "bad-query");
        var text = await answer.Content.ReadAsStringAsync();
        Assert.Contains("users must be", text, StringComparison.Ordinal);
        Assert.Contains("region must be", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PlanWithoutCredential_Is401()
    {
        await using var host = await GatewayHost.StartAsync();
        using var stranger = host.NewProgram(to: host.OperationsUrl);

        using var answer = await stranger.GetAsync("/api/costs/plan");

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Fact]
    public async Task Month_IsAnsweredToViewers_ThePresentOneUnlessItIsNamed()
    {
        await using var host = await GatewayHost.StartAsync();
        using var viewer = host.NewProgram(host.Authority.AccessToken("looking", claims: new() { ["role"] = "viewer" }), host.OperationsUrl);
        var present = TimeProvider.System.GetUtcNow();

        var month = await viewer.GetFromJsonAsync<JsonElement>("/api/costs");
        var before = await viewer.GetFromJsonAsync<JsonElement>($"/api/costs?month={present.AddMonths(-12):yyyy-MM}");

        Assert.Contains(month.GetProperty("month").GetString(), new[] { $"{present:yyyy-MM}", $"{TimeProvider.System.GetUtcNow():yyyy-MM}" });
        Assert.Equal(0, month.GetProperty("money").GetProperty("total").GetDecimal());
        Assert.Equal($"{present.AddMonths(-12):yyyy-MM}", before.GetProperty("month").GetString());
    }

    [Theory]
    [InlineData("2019-01")]
    [InlineData("2999-01")]
    [InlineData("January")]
    [InlineData("2030-13")]
    public async Task MonthThatIsNotKept_IsRefused(string month)
    {
        await using var host = await GatewayHost.StartAsync();
        using var viewer = host.NewProgram(host.Authority.AccessToken("looking", claims: new() { ["role"] = "viewer" }), host.OperationsUrl);

        foreach (var path in new[] { "/api/costs", "/api/costs.csv" })
        {
            using var answer = await viewer.GetAsync($"{path}?month={month}");

            await ProgramTests.AssertProblemAsync(answer, HttpStatusCode.BadRequest, "bad-query");
            Assert.Contains("month must be one from", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task CostsOfOneUser_AreFoundByTheirName_AndOfNobodyNot()
    {
        await using var host = await GatewayHost.StartAsync();
        host.Sessions.Sessions[new("=a/ß\"x")] = new() { User = new("=a/ß\"x"), State = Gateway.Sessions.SessionState.Assigned, App = "w", Machine = new("m1"), Epoch = 1 };
        using var viewer = host.NewProgram(host.Authority.AccessToken("looking", claims: new() { ["role"] = "viewer" }), host.OperationsUrl);

        var user = await viewer.GetFromJsonAsync<JsonElement>("/api/costs?user=" + Uri.EscapeDataString("=a/ß\"x"));
        using var nobody = await viewer.GetAsync("/api/costs?user=nobody");
        using var csv = await viewer.GetAsync("/api/costs.csv");

        Assert.Equal("m1", user.GetProperty("machine").GetString());
        await ProgramTests.AssertProblemAsync(nobody, HttpStatusCode.NotFound, "no-such-route");
        Assert.Equal("text/csv", csv.Content.Headers.ContentType!.MediaType);
        var lines = (await csv.Content.ReadAsStringAsync()).Split("\r\n");
        Assert.StartsWith("month,user,machine,", lines[0], StringComparison.Ordinal);
        // What a spreadsheet would take for a formula is text.
        Assert.Contains(",\"'=a/ß\"\"x\",m1,1,0,", lines[1], StringComparison.Ordinal);
    }
}
