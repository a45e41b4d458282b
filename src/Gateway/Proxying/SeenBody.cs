using System.IO.Pipelines;

namespace Gateway.Proxying;

/// <summary>
/// A request's body. That bytes of it pass is use of the machine, also where its answer has begun already; and a client that announced a body and sends
/// none of it keeps the machine waiting for a bounded time only.
/// </summary>
/// <param name="inner">The server's own stream of it.</param>
/// <param name="pending">What that stream reads from: to end a read that waits.</param>
/// <param name="startTimeout">How long the first bytes may take, from when they are asked for.</param>
/// <param name="time">Whose time that is.</param>
internal sealed class SeenBody(Stream inner, PipeReader pending, TimeSpan startTimeout, TimeProvider time) : Stream
{
    private const int Awaited = 0;
    private const int Began = 1;
    private const int Overdue = 2;

    // Whichever comes first, the first bytes or the time, settles it.
    private int _start;

    /// <summary>Told of what passes.</summary>
    public required Traffic Traffic { get; set; }

    public bool IsOverdue => Volatile.Read(ref _start) == Overdue;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var reading = inner.ReadAsync(buffer, cancellationToken);
        var read = _start == Began || reading.IsCompleted ? await reading : await StartAsync(reading);
        _start = Began;
        if (read > 0)
        {
            Traffic.Passed();
        }

        return read;
    }

    private async ValueTask<int> StartAsync(ValueTask<int> reading)
    {
        await using var limit = time.CreateTimer(static body => ((SeenBody)body!).GiveUp(), this, startTimeout, Timeout.InfiniteTimeSpan);
        var read = 0;
        try
        {
            read = await reading;
        }
        catch (OperationCanceledException) when (IsOverdue)
        {
        }

        return Interlocked.CompareExchange(ref _start, Began, Awaited) is not Overdue
            ? read
            : throw new IOException("The client announced a body and did not begin to send it.");
    }

    private void GiveUp()
    {
        if (Interlocked.CompareExchange(ref _start, Overdue, Awaited) is Awaited)
        {
            pending.CancelPendingRead();
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Bodies are read asynchronously.");

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
