using Gateway.Provisioning;
using Gateway.Sessions;
using Xunit;
using static Gateway.Tests.Provisioning.ProvisioningStage;

namespace Gateway.Tests.Provisioning;

/// <summary>Where a new workspace is made, and how it differs for one user.</summary>
public sealed class PlacementTests
{
    private readonly ProvisioningStage _stage = new();

    [Theory]
    [InlineData("fra", "fra")]
    [InlineData("xyz", "sjc")]
    [InlineData("", "sjc")]
    [InlineData(null, "sjc")]
    public void User_s_own_region_comes_first_only_if_it_is_in_the_list(string? near, string region)
    {
        Assert.Equal(region, Near(near).Region);
    }

    [Fact]
    public void Full_region_of_the_user_falls_back_to_the_list()
    {
        _stage.Machines.RegionFull("fra");
        _stage.Machines.RegionFull("sjc");

        Assert.Equal("iad", Near("fra").Region);
    }

    [Fact]
    public void Quota_used_up_in_one_region_is_told_apart_from_regions_without_room()
    {
        _stage.Options.Regions = ["sjc", "iad"];
        _stage.Machines.QuotaUsedUp("sjc");
        _stage.Machines.RegionFull("iad");

        Assert.Equal(ProvisionRefusal.QuotaExceeded, Assert.IsType<ProvisionOutcome.Refused>(_stage.Ensure(_stage.Provisioner("one"))).Reason);
    }

    [Fact]
    public void Override_of_one_user_is_theirs_alone()
    {
        Write(new WorkspaceOverride { Image = "registry.example/own:1", Cpus = 2, MemoryMb = 1024, VolumeSizeGb = 20, Regions = ["syd"] });

        var own = _stage.Persist(_stage.Provisioner("one"));
        var usual = _stage.Persist(_stage.Provisioner("one"), new UserId("bob"));

        var config = _stage.Machines.Find(own.Machine!.Value)!.Config!;
        Assert.Equal(("registry.example/own:1", 2, 1024), (config.Image, config.Guest!.Cpus, config.Guest.MemoryMb));
        Assert.Equal(("syd", "sjc"), (own.Region, usual.Region));
        Assert.Equal([20, 5], _stage.Machines.Volumes.Select(volume => volume.SizeGb));
        Assert.Equal(_stage.Options.Image, _stage.Machines.Find(usual.Machine!.Value)!.Config!.Image);
    }

    [Fact]
    public void Regions_of_an_override_bind_the_header_as_well()
    {
        Write(new WorkspaceOverride { Regions = ["fra", "lhr"] });

        Assert.Equal("fra", Near("sjc").Region);
    }

    [Fact]
    public void Override_that_cannot_be_read_keeps_nobody_out()
    {
        _stage.World.Run(() => _stage.Notes.WriteAsync(WorkspaceOverrides.Kind, new Dictionary<string, string?> { [Alice.Value] = "{ not json" }, default));

        Assert.Equal("sjc", _stage.Persist(_stage.Provisioner("one")).Region);
    }

    [Theory]
    [InlineData("shared", 1, 300, 5, "sjc", "MemoryMb")]
    [InlineData("shared", 3, 1024, 5, "sjc", "Cpus")]
    [InlineData("other", 1, 512, 5, "sjc", "CpuKind")]
    [InlineData("shared", 1, 512, 501, "sjc", "VolumeSizeGb")]
    [InlineData("shared", 1, 512, 5, "San Jose", "Regions")]
    public void Override_with_a_fault_names_it(string kind, int cpus, int memory, int volume, string region, string fault)
    {
        var own = new WorkspaceOverride { CpuKind = kind, Cpus = cpus, MemoryMb = memory, VolumeSizeGb = volume, Regions = [region] };

        Assert.Contains(own.FaultsOver(_stage.Options), found => found.Contains(fault, StringComparison.Ordinal));
    }

    private void Write(WorkspaceOverride own) => _stage.World.Run(() => new WorkspaceOverrides(_stage.Notes).WriteAsync(Alice, own, default));

    private Session Near(string? near) =>
        Assert.IsType<ProvisionOutcome.Assigned>(_stage.World.Run(() => _stage.Provisioner("one").EnsureAssignedAsync(Alice, near, LongHold, CancellationToken.None))).Session;
}
