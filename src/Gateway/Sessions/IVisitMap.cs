namespace Gateway.Sessions;

/// <summary>
/// What replicas tell each other about visits, outside the records and their epochs. A process boundary like <see cref="ISessionMap"/>, with the same
/// exception when the map does not answer.
/// </summary>
internal interface IVisitMap
{
    /// <summary>Says that this replica lives; its word counts until <paramref name="lease"/> after the last heartbeat, since sockets outlive a broken connection to the map.</summary>
    Task HeartbeatAsync(string replica, TimeSpan lease, CancellationToken cancellationToken);

    /// <summary>The replica has no visits any more and will have none: nobody waits for its consent.</summary>
    Task SayGoodbyeAsync(string replica, CancellationToken cancellationToken);

    /// <summary>For each machine the earliest moment it may be thought idle. The latest word of all replicas counts; it never goes back.</summary>
    Task ReportAsync(IReadOnlyList<IdleReport> reports, CancellationToken cancellationToken);

    /// <summary>Machines whose moment has come, longest due first. Costs by the number due, not by the number of machines.</summary>
    Task<IReadOnlyList<MachineId>> ReadDueAsync(DateTimeOffset now, int limit, CancellationToken cancellationToken);

    /// <summary>When something last passed on each machine, or null when nothing is known; in the order asked for.</summary>
    Task<IReadOnlyList<DateTimeOffset?>> LastActivityAsync(IReadOnlyList<MachineId> machines, CancellationToken cancellationToken);

    /// <summary>The earliest moment the machine may be thought idle, by the latest word of all replicas; null when it is not awake.</summary>
    Task<DateTimeOffset?> DueAtAsync(MachineId machine, CancellationToken cancellationToken);

    /// <summary>The machine is not one to put to sleep: it is not due any more, unless a later moment was reported meanwhile. Its last activity stays known.</summary>
    Task ForgetDueAsync(MachineId machine, DateTimeOffset dueBy, CancellationToken cancellationToken);

    /// <summary>Machines that have been suspended since then or longer, the longest first. Costs by their number alone.</summary>
    Task<IReadOnlyList<MachineId>> ReadSuspendedAsync(DateTimeOffset since, int limit, CancellationToken cancellationToken);

    /// <summary>The machine is not suspended, whatever the list says, unless it was suspended again after <paramref name="since"/>.</summary>
    Task ForgetSuspendedAsync(MachineId machine, DateTimeOffset since, CancellationToken cancellationToken);

    /// <summary>Asks every replica for its consent to stop the machine drained in <paramref name="epoch"/>. The message may be lost: then there is no consent.</summary>
    Task AskConsentAsync(MachineId machine, long epoch, CancellationToken cancellationToken);

    /// <summary>Called for each question heard, one at a time per machine; set once at start.</summary>
    void OnConsentAsked(Func<MachineId, long, Task> answer);

    /// <summary>This replica has closed its gate for the machine and has no visit on it.</summary>
    Task ConsentAsync(MachineId machine, long epoch, string replica, CancellationToken cancellationToken);

    /// <summary>How the question stands that was asked in <paramref name="epoch"/>, all of it at one moment.</summary>
    Task<StopQuestion> ReadQuestionAsync(MachineId machine, long epoch, CancellationToken cancellationToken);

    /// <summary>Holds or renews the one lease of the named duty among all replicas.</summary>
    Task<bool> HoldDutyAsync(string duty, string replica, TimeSpan lease, CancellationToken cancellationToken);
}

/// <summary>The question whether a machine may be stopped.</summary>
/// <param name="Stands">The machine's record is still the one it was asked about.</param>
/// <param name="Agreed">Every replica whose lease stands has consented, and there is one at least.</param>
/// <param name="DueAt">The earliest moment the machine may be thought idle; null when nothing is reported.</param>
internal readonly record struct StopQuestion(bool Stands, bool Agreed, DateTimeOffset? DueAt);

/// <summary>What one replica knows of one machine.</summary>
/// <param name="NotIdleBefore">The earliest moment at which this replica would agree that it is idle.</param>
/// <param name="LastActivity">When something that counts last passed.</param>
internal readonly record struct IdleReport(MachineId Machine, DateTimeOffset NotIdleBefore, DateTimeOffset LastActivity);
