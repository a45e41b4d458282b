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
}
