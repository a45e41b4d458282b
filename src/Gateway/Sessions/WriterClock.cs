namespace Gateway.Sessions;

/// <summary>
/// What a record says of the future is by its writer's clock. One that is fast would keep everybody out for as long as it is ahead, so it is believed only as
/// far as the map's own clock bears it out, which is in every epoch.
/// </summary>
internal static class WriterClock
{
    /// <summary>No lease is given for as long; and the map's clock may itself be behind by almost as much before a lease that stands is taken for over.</summary>
    private static readonly TimeSpan LongestLease = TimeSpan.FromMinutes(10);

    public static RecordLease? Bound(RecordLease? lease, long epoch) =>
        lease is not null && WrittenAt(epoch) + LongestLease is var last && lease.Until > last ? lease with { Until = last } : lease;

    /// <param name="failure">That of a record whose state it is.</param>
    /// <param name="changedAt">When it came into that state, by the same clock as the failure's end.</param>
    /// <param name="epoch">The record's.</param>
    public static (RecordFailure? Failure, DateTimeOffset ChangedAt) Bound(RecordFailure? failure, DateTimeOffset changedAt, long epoch) =>
        failure is not null && WrittenAt(epoch) is var written && changedAt > written && failure.Until > changedAt
            ? (failure with { Until = written + (failure.Until - changedAt) }, written)
            : (failure, changedAt);

    /// <summary>An epoch is the map's time of the write in microseconds, or a little more.</summary>
    private static DateTimeOffset WrittenAt(long epoch) => DateTimeOffset.UnixEpoch.AddMicroseconds(epoch);
}
