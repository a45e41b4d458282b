using Gateway.Machines;
using Gateway.Provisioning;
using Gateway.Sessions;
using Xunit;
using static Gateway.Tests.Provisioning.ProvisioningStage;

namespace Gateway.Tests.Provisioning;

/// <summary>The machine was destroyed behind our back; the files are on the volume.</summary>
public sealed class LostMachineTests
{
    private readonly ProvisioningStage _stage = new();

    [Fact]
    public void Lost_machine_is_replaced_on_the_same_volume_once_however_many_notice()
    {
        var replicas = new[] { _stage.Provisioner("a"), _stage.Provisioner("b") };
        var before = _stage.Persist(replicas[0]);
        _stage.Machines.DestroyBehindOurBack(before.Machine!.Value);

        var outcomes = _stage.World.Run(() => Task.WhenAll(Enumerable.Range(0, 20).Select(n => replicas[n % 2].ReplaceLostMachineAsync(before, LongHold, default))));

        var machine = Assert.Single(_stage.Machines.Machines);
        Assert.NotEqual(before.Machine, machine.Id);
        Assert.All(outcomes, outcome => Assert.Equal((machine.Id, before.Volume), (Session(outcome).Machine!.Value, Session(outcome).Volume)));
        Assert.Single(_stage.Machines.Volumes);
    }

    [Fact]
    public void Machine_that_is_there_after_all_stays()
    {
        var provisioner = _stage.Provisioner("a");
        var before = _stage.Persist(provisioner);

        Assert.Equal(before, Session(_stage.Replace(provisioner, before)));
    }

    [Fact]
    public void Platform_that_does_not_answer_is_no_proof_of_a_loss()
    {
        var provisioner = _stage.Provisioner("a");
        var before = _stage.Persist(provisioner);
        _stage.Machines.DestroyBehindOurBack(before.Machine!.Value);
        _stage.Machines.FailNext("get", MachinesFailureKind.Unavailable);

        var outcome = _stage.Replace(provisioner, before);

        Assert.Equal(ProvisionRefusal.PlatformUnavailable, Assert.IsType<ProvisionOutcome.Refused>(outcome).Reason);
        Assert.Equal(before, Assert.Single(_stage.Map.Sessions));
    }

    [Fact]
    public void Name_of_the_lost_machine_that_lingers_is_passed_by()
    {
        var provisioner = _stage.Provisioner("a");
        var before = _stage.Persist(provisioner);
        _stage.Machines.DestroyBehindOurBack(before.Machine!.Value);
        _stage.Machines.FailNext("create", new MachinesFailure(MachinesFailureKind.NameTaken, 409, "already_exists") { Other = before.Machine });

        var after = Session(_stage.Replace(provisioner, before));

        Assert.Equal(_stage.Names.MachineName(Alice, 1), _stage.Machines.Find(after.Machine!.Value)!.Name);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(30)]
    public void Claim_of_the_lost_machine_that_lingers_on_its_volume_is_waited_out(int times)
    {
        var provisioner = _stage.Provisioner("a");
        var before = _stage.Persist(provisioner);
        _stage.Machines.DestroyBehindOurBack(before.Machine!.Value);
        _stage.Machines.FailNext("create", new MachinesFailure(MachinesFailureKind.VolumeClaimed, 412, "failed_precondition: volume already claimed") { Other = before.Machine }, times);

        _stage.Replace(provisioner, before);
        var after = _stage.Persist(provisioner);

        Assert.Equal((before.Volume, _stage.Names.MachineName(Alice)), (after.Volume, _stage.Machines.Find(after.Machine!.Value)!.Name));
        Assert.Single(_stage.Machines.Volumes);
    }

    [Fact]
    public void Volume_lost_as_well_is_for_an_operator_and_no_empty_one_takes_its_place()
    {
        var provisioner = _stage.Provisioner("a");
        var before = _stage.Persist(provisioner);
        _stage.Machines.DestroyBehindOurBack(before.Machine!.Value);
        _stage.Machines.DestroyVolumeBehindOurBack(before.Volume!.Value);

        var outcome = _stage.Replace(provisioner, before);

        Assert.Equal(ProvisionRefusal.Failed, Assert.IsType<ProvisionOutcome.Refused>(outcome).Reason);
        Assert.Single(_stage.Machines.Volumes);
        Assert.Empty(_stage.Machines.Machines);
    }

    [Fact]
    public void Volume_that_the_platform_moved_is_found_by_its_name()
    {
        var provisioner = _stage.Provisioner("a");
        var before = _stage.Persist(provisioner);
        _stage.Machines.DestroyBehindOurBack(before.Machine!.Value);
        _stage.Machines.DestroyVolumeBehindOurBack(before.Volume!.Value);
        var moved = _stage.Machines.AddVolume(_stage.App, _stage.Names.VolumeName(Alice), region: "iad");

        var after = Session(_stage.Replace(provisioner, before));

        Assert.Equal((moved.Id, "iad"), (after.Volume!.Value, after.Region));
    }

    [Fact]
    public void Shared_volume_is_not_handed_to_one_of_its_users()
    {
        var provisioner = _stage.Provisioner("a");
        var volume = _stage.Machines.AddVolume(_stage.App, "shared_volume");
        var machine = _stage.Machines.Add(_stage.App, "shared-machine", volume: volume.Id);
        var before = _stage.World.Run(() => _stage.Map.For("x").WriteAsync(new Session { User = Alice, State = SessionState.Assigned, App = _stage.App, Machine = machine.Id, Volume = volume.Id }, default)).Current!;
        _stage.Machines.DestroyBehindOurBack(machine.Id);

        Assert.IsType<ProvisionOutcome.Refused>(_stage.Replace(provisioner, before));

        Assert.Empty(_stage.Machines.Machines);
    }

    private static Session Session(ProvisionOutcome outcome) => Assert.IsType<ProvisionOutcome.Assigned>(outcome).Session;
}
