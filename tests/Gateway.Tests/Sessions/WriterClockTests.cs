using Gateway.Sessions;
using Xunit;

namespace Gateway.Tests.Sessions;

/// <summary>A replica whose clock is fast must not keep everybody out for as long as it is ahead.</summary>
public sealed class WriterClockTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly TimeSpan Ahead = TimeSpan.FromMinutes(40);

    [Fact]
    public void Lease_of_a_writer_whose_clock_is_right_is_believed_as_it_is() =>
        Assert.Equal(Now + TimeSpan.FromSeconds(5), Read(MachineRecordState.Waking, Now).Lease!.Until);

    [Fact]
    public void Lease_of_a_writer_whose_clock_is_fast_ends_soon_after_it_was_written() =>
        Assert.InRange(Read(MachineRecordState.Waking, Now + Ahead).Lease!.Until, Now, Now + TimeSpan.FromMinutes(10));

    [Fact]
    public void Pause_after_a_failure_is_as_long_as_its_writer_meant_it() =>
        Assert.Equal(Now + TimeSpan.FromSeconds(30), Read(MachineRecordState.Failed, Now + Ahead).Failure!.Until);

    [Fact]
    public void Pause_of_a_writer_whose_clock_is_right_or_slow_is_believed_as_it_is()
    {
        Assert.Equal(Now + TimeSpan.FromSeconds(30), Read(MachineRecordState.Failed, Now).Failure!.Until);
        Assert.Equal(Now - Ahead + TimeSpan.FromSeconds(30), Read(MachineRecordState.Failed, Now - Ahead).Failure!.Until);
    }

    [Fact]
    public void Session_is_bounded_like_a_machine()
    {
        var clock = Now + Ahead;
        var session = new Session
        {
            User = new UserId("alice"), State = SessionState.Failed, App = "app", ChangedAt = clock,
            Failure = new RecordFailure("quota_exceeded", "", 1, clock + TimeSpan.FromSeconds(30)), Lease = new RecordLease("one", clock + TimeSpan.FromSeconds(5)),
        };

        var read = RecordJson.ReadSession(RecordJson.Print(session), Epoch(Now));

        Assert.Equal((Now + TimeSpan.FromSeconds(30), Now + TimeSpan.FromMinutes(10)), (read.Failure!.Until, read.Lease!.Until));
    }

    /// <summary>Written now, by the map's clock.</summary>
    private static MachineRecord Read(MachineRecordState state, DateTimeOffset writersClock)
    {
        var record = new MachineRecord
        {
            Machine = new MachineId("d8d0000000000a"), App = "app", State = state, ChangedAt = writersClock,
            Lease = new RecordLease("one", writersClock + TimeSpan.FromSeconds(5)), Failure = new RecordFailure("crashed", "", 1, writersClock + TimeSpan.FromSeconds(30)),
        };
        return RecordJson.ReadMachine(RecordJson.Print(record), Epoch(Now));
    }

    private static long Epoch(DateTimeOffset at) => (at - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
}
