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

    /// <summary>Machines that are awake, by the moment (ms) before which they are not idle.</summary>
    public RedisKey Due { get; } = prefix + ":due";

    /// <summary>Machines by the moment (ms) something last passed.</summary>
    public RedisKey Activity { get; } = prefix + ":activity";

    /// <summary>Replicas by the moment (ms) their lease ends.</summary>
    public RedisKey Replicas { get; } = prefix + ":replicas";

    public RedisChannel Changes { get; } = RedisChannel.Literal(prefix + ":changes");
    public RedisChannel ConsentsAsked { get; } = RedisChannel.Literal(prefix + ":consents-asked");

    public RedisKey Session(UserId user) => prefix + ":session:" + user.Value;

    public RedisKey Machine(MachineId machine) => prefix + ":machine:" + machine.Value;

    public RedisKey Consents(MachineId machine, long epoch) => $"{prefix}:consents:{machine.Value}:{epoch}";

    public RedisKey Notes(string kind) => prefix + ":notes:" + kind;

    public RedisKey Log(string log) => prefix + ":log:" + log;

    public RedisKey Duty(string duty) => prefix + ":duty:" + duty;
}
