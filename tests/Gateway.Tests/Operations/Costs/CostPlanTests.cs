using System.Globalization;
using Gateway.Operations.Costs;
using Gateway.Provisioning;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Xunit;

namespace Gateway.Tests.Operations.Costs;

public sealed class CostPlanTests
{
    /// <summary>
    /// By hand, from the platform's price list: a shared CPU with 512 MB in sjc is (1 × $0.695 + 0.5 GB × $5) × 1.1923 = $3.809 a month, so 100 users × $3.809 × 2/24 = $31.74;
    /// 100 × 5 GB × $0.15 = $75 for volumes; 100 × 1 GB × $0.15 × 22/24 = $13.75 for the images of machines that are stopped.
    /// </summary>
    [Fact]
    public void AHundredUsersOfTwoHoursADay_CostWhatIsWorkedOutByHand()
    {
        var plan = Plan("?users=100&hours_per_day=2&memory_mb=512&volume_gb=5&region=sjc");

        AssertWithinOnePercent(100 * 3.81m * 2 / 24, plan.Month.Running);
        AssertWithinOnePercent(31.74m, plan.Month.Running);
        AssertWithinOnePercent(75m, plan.Month.Volumes);
        AssertWithinOnePercent(13.75m, plan.Month.Images);
        Assert.Equal(0, plan.Month.Egress);
        AssertWithinOnePercent(31.74m + 75m + 13.75m, plan.Month.Total);
        AssertWithinOnePercent(1.205m, plan.PerUser);
        AssertWithinOnePercent(381m + 75m, plan.AlwaysOn);
        Assert.Equal(plan.AlwaysOn - plan.Month.Total, plan.Saving);
    }

    /// <summary>The platform's own list of presets.</summary>
    [Theory]
    [InlineData("iad", "shared", 1, 256, "1.95")]
    [InlineData("ewr", "shared", 1, 512, "3.20")]
    [InlineData("sjc", "shared", 1, 256, "2.32")]
    [InlineData("sjc", "shared", 1, 512, "3.81")]
    [InlineData("sjc", "shared", 1, 1024, "6.79")]
    [InlineData("sjc", "shared", 1, 2048, "12.75")]
    [InlineData("iad", "shared", 2, 4096, "21.39")]
    [InlineData("sjc", "shared", 2, 4096, "25.50")]
    [InlineData("iad", "shared", 4, 1024, "7.78")]
    [InlineData("sjc", "shared", 8, 2048, "18.55")]
    [InlineData("iad", "performance", 1, 2048, "31")]
    [InlineData("sjc", "performance", 1, 2048, "36.96")]
    [InlineData("sjc", "performance", 4, 8192, "147.85")]
    public void OneMachineThatNeverSleeps_CostsWhatThePlatformLists(string region, string kind, int cpus, int memory, string listed)
    {
        var plan = Plan($"?users=1&hours_per_day=24&volume_gb=0&region={region}&cpu_kind={kind}&cpus={cpus}&memory_mb={memory}");

        Assert.InRange(plan.Month.Running - decimal.Parse(listed, CultureInfo.InvariantCulture), -0.01m, 0.01m);
        Assert.Equal(plan.Month.Running, plan.Month.Total);
        Assert.Equal(0, plan.Saving);
    }

    [Fact]
    public void ASleepingUser_CostsTheirImageAndTheirVolume()
    {
        var plan = Plan("?users=1&hours_per_day=0&volume_gb=1&image_gb=1");

        Assert.Equal(0.30m, plan.Month.Total);
    }

    [Theory]
    [InlineData("sjc", "2.00")]
    [InlineData("sin", "4.00")]
    [InlineData("bom", "12.00")]
    public void WhatIsSentOut_IsPaidByTheRegion(string region, string expected)
    {
        var plan = Plan($"?users=10&egress_gb=10&region={region}");

        Assert.Equal(expected, plan.Month.Egress.ToString("0.00", CultureInfo.InvariantCulture));
    }

    [Fact]
    public void WhatIsNotSaid_IsAsTheTemplateHasIt()
    {
        var (asked, _) = Parse("", new WorkspaceOptions { Regions = ["fra"], CpuKind = "performance", Cpus = 2, MemoryMb = 4096, VolumeSizeGb = 7 });

        Assert.Equal(new PlanQuery(100, 2, "fra", "performance", 2, 4096, 7, 1, 0), asked);
    }

    [Fact]
    public void NoUsers_CostNothing() => Assert.Equal((0m, 0m), (Plan("?users=0").Month.Total, Plan("?users=0").PerUser));

    [Theory]
    [InlineData("?users=-1", "users")]
    [InlineData("?users=1.5", "users")]
    [InlineData("?users=99999999999", "users")]
    [InlineData("?hours_per_day=25", "hours_per_day")]
    [InlineData("?hours_per_day=1e3", "hours_per_day")]
    [InlineData("?hours_per_day=-2", "hours_per_day")]
    [InlineData("?memory_mb=0", "memory_mb")]
    [InlineData("?volume_gb=many", "volume_gb")]
    [InlineData("?users=1&users=2", "users")]
    [InlineData("?region=moon", "region")]
    [InlineData("?cpu_kind=quantum", "cpu_kind")]
    [InlineData("?users=x&region=moon", "users region")]
    public void AQueryThatCannotBeRead_IsToldEachFault(string query, string faulty)
    {
        var (asked, faults) = Parse(query, new WorkspaceOptions());

        Assert.Null(asked);
        Assert.Equal(faulty.Split(' '), faults.Select(fault => fault.Split(' ')[0]));
    }

    [Fact]
    public void TheLargestPlan_IsStillANumber()
    {
        var plan = Plan("?users=100000000&hours_per_day=24&memory_mb=1048576&cpus=64&cpu_kind=performance&volume_gb=1000000&image_gb=1000000&egress_gb=1000000&region=gru");

        Assert.True(plan.Month.Total > 1_000_000_000m);
    }

    [Fact]
    public void FaultsOfPrices_AreAllListed()
    {
        var result = new CostOptionsValidation().Validate(null, new CostOptions { MemoryGbMonth = -1, Markups = { ["sjc"] = -2 } });

        Assert.Equal(["Costs:MemoryGbMonth", "Costs:Markups:sjc"], result.Failures!.Select(fault => fault.Split(' ')[0]));
    }

    private static CostPlan Plan(string query)
    {
        var (asked, faults) = Parse(query, new WorkspaceOptions());
        Assert.Empty(faults);
        return CostPlan.Of(asked!, new CostOptions());
    }

    private static (PlanQuery? Query, IReadOnlyList<string> Faults) Parse(string query, WorkspaceOptions template) =>
        PlanQuery.Parse(new QueryCollection(QueryHelpers.ParseQuery(query)), template, new CostOptions());

    private static void AssertWithinOnePercent(decimal expected, decimal actual) => Assert.InRange(actual, expected * 0.99m, expected * 1.01m);
}
