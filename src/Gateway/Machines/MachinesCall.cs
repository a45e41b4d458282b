namespace Gateway.Machines;

/// <summary>The calls of the Machines API, by what a failure of each means and by the rate that each has of its own.</summary>
internal enum MachinesCall
{
    List,
    Get,
    Create,
    Update,
    Start,
    Stop,
    Suspend,
    Wait,
    Lease,
    ReleaseLease,
    SetMetadata,
    Destroy,
    ListVolumes,
    GetVolume,
    CreateVolume,
    ExtendVolume,
    ListSnapshots,
    TakeSnapshot,
    DestroyVolume,
}

internal static class MachinesCalls
{
    /// <summary>Calls that change nothing, or that come to the same when repeated.</summary>
    public static bool IsRepeatable(this MachinesCall call) => call is
        MachinesCall.List or MachinesCall.Get or MachinesCall.Wait or MachinesCall.ListVolumes or MachinesCall.GetVolume or MachinesCall.ListSnapshots
        or MachinesCall.SetMetadata or MachinesCall.ReleaseLease or MachinesCall.ExtendVolume;
}
