using Gateway.Provisioning;
using Gateway.Sessions;
using Xunit;

namespace Gateway.Tests.Provisioning;

/// <summary>A volume that is on its way is waited for, whatever the clock of whoever asked for it.</summary>
public sealed class WrongClockTests
{
    [Theory]
    [InlineData(-40)]
    [InlineData(0)]
    [InlineData(40)]
    public void Volume_asked_for_by_another_clock_is_waited_for_and_no_second_one_made(int minutesAhead)
    {
        var stage = new ProvisioningStage();
        var theirClock = stage.Time.GetUtcNow() + TimeSpan.FromMinutes(minutesAhead);
        stage.World.Run(() => stage.Map.For("other").WriteAsync(
            new Session { User = ProvisioningStage.Alice, State = SessionState.Provisioning, App = stage.App, VolumeAskedAt = theirClock, Lease = new RecordLease("other/1", stage.Time.GetUtcNow()), ChangedAt = theirClock },
            CancellationToken.None));
        stage.World.Start(() => _ = AppearAsync(stage));

        Assert.IsType<ProvisionOutcome.Assigned>(stage.Ensure(stage.Provisioner("one")));

        Assert.Single(stage.Machines.Volumes);
    }

    private static async Task AppearAsync(ProvisioningStage stage)
    {
        await Task.Delay(TimeSpan.FromSeconds(4), stage.Time);
        stage.Machines.AddVolume(stage.App, stage.Names.VolumeName(ProvisioningStage.Alice));
    }
}
