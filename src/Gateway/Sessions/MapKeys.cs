using System.Globalization;
using StackExchange.Redis;

namespace Gateway.Sessions;

/// <summary>Every key and channel of the session map.</summary>
internal sealed class MapKeys(string prefix)
{
    public string Prefix => prefix;

    public RedisKey Sequence { get; } = prefix + ":sequence";
    public RedisKey Generation { get; } = prefix + ":generation";

    /// <summary>All users who have a session, in the order of their names.</summary>
    public RedisKey Users { get; } = prefix + ":users";

    /// <summary>The last changes of state and causes, by the map's sequence.</summary>
    public RedisKey Events { get; } = prefix + ":events";

    /// <summary>Whose machine it is: <c>machine|user</c>, one for each user who is assigned one.</summary>
    public RedisKey Assigned { get; } = prefix + ":assigned";

    /// <summary>How many machines there are, by <c>state|region</c>.</summary>
    public RedisKey Counts { get; } = prefix + ":counts";

    /// <summary>What the key of a state's users begins with.</summary>
    public string StatePrefix { get; } = prefix + ":state:";

    /// <summary>The keys of all states' users.</summary>
    public RedisKey[] States { get; } = [.. RouteState.All.Select(state => (RedisKey)(prefix + ":state:" + state))];

    /// <summary>Machines that are awake, by the moment (ms) before which they are not idle.</summary>
    public RedisKey Due { get; } = prefix + ":due";

    /// <summary>Machines that are suspended, by the moment (ms) they were.</summary>
    public RedisKey Suspended { get; } = prefix + ":suspended";

    /// <summary>Machines by the moment (ms) something last passed.</summary>
    public RedisKey Activity { get; } = prefix + ":activity";

    /// <summary>Replicas by the moment (ms) their lease ends.</summary>
    public RedisKey Replicas { get; } = prefix + ":replicas";

    public RedisChannel Changes { get; } = RedisChannel.Literal(prefix + ":changes");
    public RedisChannel ConsentsAsked { get; } = RedisChannel.Literal(prefix + ":consents-asked");

    /// <summary>The users whose route is in this state, in the order of their names.</summary>
    public RedisKey State(string state) => StatePrefix + state;

    public RedisKey Session(UserId user) => prefix + ":session:" + user.Value;

    public RedisKey Machine(MachineId machine) => prefix + ":machine:" + machine.Value;

    /// <summary>The machine's states of the last days, by the moment (ms) it came into them.</summary>
    public RedisKey Timeline(MachineId machine) => prefix + ":timeline:" + machine.Value;

    /// <summary>Why the machine was woken, kept awake and put to sleep: the last causes.</summary>
    public RedisKey Causes(MachineId machine) => prefix + ":causes:" + machine.Value;

    /// <summary>The machine's visits, by replica.</summary>
    public RedisKey Visits(MachineId machine) => prefix + ":visits:" + machine.Value;

    public RedisKey Consents(MachineId machine, long epoch) => $"{prefix}:consents:{machine.Value}:{epoch}";

    public RedisKey Notes(string kind) => prefix + ":notes:" + kind;

    public RedisKey Log(string log) => prefix + ":log:" + log;

    /// <summary>What every key of the ledger begins with; its scripts make keys of it.</summary>
    public string LedgerPrefix { get; } = prefix + ":ledger:";

    /// <summary>What still goes on, by the day it began.</summary>
    public RedisKey LedgerOpen { get; } = prefix + ":ledger:open";

    /// <summary>Machines that run, by the moment (ms) they began to.</summary>
    public RedisKey LedgerRunning { get; } = prefix + ":ledger:running";

    /// <summary>All machines and volumes on one day, counted from 1970.</summary>
    public RedisKey LedgerDay(int day) => LedgerPrefix + "day:" + day.ToString(CultureInfo.InvariantCulture);

    /// <summary>The account of one volume: what it is, since when, and how many users are assigned it.</summary>
    public RedisKey LedgerVolume(VolumeId volume) => LedgerPrefix + "volume:" + volume.Value;

    public RedisKey LedgerOf(LedgerMonth month, MachineId machine) => $"{LedgerPrefix}{month}:machine:{machine.Value}";

    public RedisKey LedgerOf(LedgerMonth month, VolumeId volume) => $"{LedgerPrefix}{month}:volume:{volume.Value}";

    /// <summary>Machines by how long (ms) they ran without use in the month, lives that are over alone.</summary>
    public RedisKey LedgerIdle(LedgerMonth month) => $"{LedgerPrefix}{month}:idle";

    public RedisKey Duty(string duty) => prefix + ":duty:" + duty;
}
