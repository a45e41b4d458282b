namespace Gateway.Machines;

/// <summary>What a call of the Machines API came to: a value, or the reason why not, as one of the kinds that callers decide by.</summary>
internal readonly record struct MachinesResult<T>
{
    private MachinesResult(T? value, MachinesFailure? failure) => (Value, Failure) = (value, failure);

    public T? Value { get; }
    public MachinesFailure? Failure { get; }

    [System.Diagnostics.CodeAnalysis.MemberNotNullWhen(true, nameof(Value))]
    [System.Diagnostics.CodeAnalysis.MemberNotNullWhen(false, nameof(Failure))]
    public bool IsOk => Failure is null;

    public static implicit operator MachinesResult<T>(T value) => new(value, null);
    public static implicit operator MachinesResult<T>(MachinesFailure failure) => new(default, failure);
}

/// <summary>The answer of a call that has nothing else to say.</summary>
internal readonly record struct Done;

/// <summary>Why the Machines API did not do what was asked.</summary>
/// <param name="Kind">What a caller decides by.</param>
/// <param name="Status">The HTTP status, or 0 when there was no answer.</param>
/// <param name="Message">The platform's words, for logs and operators; it never holds a credential.</param>
internal sealed record MachinesFailure(MachinesFailureKind Kind, int Status, string Message)
{
    /// <summary>When the platform (or our own limiter) says that trying again makes sense.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>The machine that already has the name, or that has claimed the volume.</summary>
    public MachineId? Other { get; init; }

    /// <summary>The platform's id of the call, for its support.</summary>
    public string? RequestId { get; init; }
}

/// <summary>The kinds of failure, each with its own right reaction.</summary>
internal enum MachinesFailureKind
{
    /// <summary>No answer, or a 5xx, of a call that is safe to repeat: try again later.</summary>
    Unavailable,

    /// <summary>No answer, a 408 or a 5xx of a call that may have been carried out all the same: look before repeating.</summary>
    Ambiguous,

    /// <summary>The machine, volume or app does not exist (any more).</summary>
    NotFound,

    /// <summary>The token is not accepted (401) or not for this (403).</summary>
    Forbidden,

    /// <summary>The organisation's quota is used up (403 with a quota text): another region, or Fly's support.</summary>
    QuotaExceeded,

    /// <summary>The request itself is wrong (400, 422): a bug or wrong configuration; do not repeat.</summary>
    Invalid,

    /// <summary>412: the machine is still stopping, being replaced, or being created: wait for it to settle, then repeat.</summary>
    NotYet,

    /// <summary>409: somebody else is starting it already, or it runs: good news for a wake.</summary>
    AlreadyStarting,

    /// <summary>409: a lease is held by somebody else.</summary>
    LeaseHeld,

    /// <summary>409/412: the host that holds the volume has no room; the same machine may never start there.</summary>
    HostFull,

    /// <summary>409 <c>no capacity</c> / 422 / 503 <c>insufficient_capacity</c>: the region has no room; another region may.</summary>
    RegionFull,

    /// <summary>409: the name is taken; <see cref="MachinesFailure.Other"/> has it.</summary>
    NameTaken,

    /// <summary>412: the volume is claimed; <see cref="MachinesFailure.Other"/> has it.</summary>
    VolumeClaimed,

    /// <summary>409: the configuration changed meanwhile; read again.</summary>
    Changed,

    /// <summary>429, or our own limiter's queue is full.</summary>
    RateLimited,

    /// <summary>408 of <c>wait</c>: the state was not reached in the time asked for.</summary>
    NotReached,
}
