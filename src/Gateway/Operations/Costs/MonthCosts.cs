namespace Gateway.Operations.Costs;

/// <summary>What a month cost, or has cost so far, of all machines and volumes together, in dollars.</summary>
/// <param name="Month">As <c>2030-01</c>, by UTC.</param>
/// <param name="Until">Up to when it is counted: now, or the end of the month.</param>
/// <param name="LedgerSince">When the ledger began; what was before is not in it. Null: nothing was ever written.</param>
/// <param name="AlwaysOn">The same if no machine had slept.</param>
/// <param name="Saving">What sleeping saved of it.</param>
/// <param name="Projection">The whole month if it goes on so; null: it is over, or too young to tell.</param>
/// <param name="Plan">What a month is meant to cost at most; null: nothing was planned.</param>
/// <param name="IdleButAwake">The ten machines that ran without use for the longest.</param>
internal sealed record MonthCosts(
    string Month, DateTimeOffset Until, DateTimeOffset? LedgerSince, CostUse Use, CostParts Money, decimal AlwaysOn, decimal Saving, decimal? Projection, decimal? Plan,
    IReadOnlyList<DayCosts> Days, IReadOnlyList<IdleMachine> IdleButAwake);

/// <summary>What one day cost.</summary>
internal sealed record DayCosts(DateOnly Date, CostParts Money, long AwakeSeconds);

/// <summary>One user's part of a month.</summary>
/// <param name="Id">Of the route.</param>
/// <param name="MachineUsers">How many users share the machine: the money is a user's part of it, the use is the machine's.</param>
internal sealed record UserCosts(string Month, string Id, string User, string? Machine, int MachineUsers, CostUse Use, CostParts Money, decimal AlwaysOn, decimal Saving);

/// <summary>What was used.</summary>
/// <param name="AwakeSeconds">Paid as running: from the start to the end of a stop.</param>
/// <param name="ActiveSeconds">Of those, in which something that counts as use passed, to within a turn of five seconds.</param>
/// <param name="AttachedSeconds">Of those, in which a socket was open and nothing passed.</param>
/// <param name="VolumeGbMonths">GB of volume times months of 30 days.</param>
/// <param name="ImageGbMonths">The same of the images of machines that slept.</param>
/// <param name="WakesWasted">Lives of machines that ended without use.</param>
internal sealed record CostUse(
    long AwakeSeconds, long ActiveSeconds, long AttachedSeconds, long SuspendedSeconds, long StoppedSeconds, decimal VolumeGbMonths, decimal ImageGbMonths, long EgressBytes, long Wakes, long WakesWasted);

/// <summary>A machine that ran without use.</summary>
/// <param name="Routes">Whose it is; a few at most.</param>
/// <param name="Cause">What kept it awake.</param>
internal sealed record IdleMachine(string Machine, IReadOnlyList<string> Routes, long IdleSeconds, long AwakeSeconds, long AttachedSeconds, long Wakes, long WakesWasted, string Cause);
