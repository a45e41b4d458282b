using System.IO.Pipelines;
using System.Security.Claims;
using Microsoft.AspNetCore.Http.Features;

namespace Gateway.Proxying;

/// <summary>What one request is forwarded with.</summary>
/// <param name="Context">The client's side.</param>
/// <param name="Machine">Where it goes.</param>
/// <param name="User">Whose workspace it goes to.</param>
/// <param name="Holder">The same with the credential they came with.</param>
/// <param name="Traffic">Counts what passes.</param>
/// <param name="Assertion">What the workspace is told of the user, signed; null: nothing.</param>
internal readonly record struct Forward(HttpContext Context, MachineId Machine, UserId User, ClaimsPrincipal Holder, Traffic Traffic, string? Assertion);

/// <summary>
/// The server's answer to one request, in the place of the server's own: its bytes are counted as they are written, because they are use of the machine,
/// and it can be cut from another thread. Used again for another request when it has ended.
/// </summary>
internal sealed class OpenAnswer : Stream, IHttpResponseBodyFeature
{
    // The state is in the lowest bits of _use, the number of the use above them: one word, so that a cut is never of another use.
    private const long Free = 0;
    private const long Open = 1;
    private const long Cutting = 2;
    private const long WasCut = 3;
    private const long StateMask = 3;
    private const long OneUse = 4;

    private long _use;
    private Forward _forward;
    private IHttpResponseBodyFeature _inner = null!;
    private LastingAnswer? _lasting;

    /// <summary>The one made before it.</summary>
    public OpenAnswer? Previous { get; set; }

    /// <summary>The workspace's answer was meant for the platform's proxy, and nothing of it has passed.</summary>
    public bool IsSteering { get; set; }

    public string? Assertion => _forward.Assertion;

    /// <summary>The workspace has answered; what follows may be long in coming.</summary>
    public void Began() => _forward.Traffic.AnswerBegan();

    /// <summary>The workspace has taken the socket that was asked for.</summary>
    public void SocketOpened() => _forward.Traffic.SocketOpened();

    Stream IHttpResponseBodyFeature.Stream => this;

    public PipeWriter Writer => _inner.Writer;

    /// <summary>The one that the context's request is answered through.</summary>
    public static OpenAnswer Of(HttpContext context) => (OpenAnswer)context.Features.GetRequiredFeature<IHttpResponseBodyFeature>();

    public void Begin(in Forward forward)
    {
        _forward = forward;
        _inner = forward.Context.Features.GetRequiredFeature<IHttpResponseBodyFeature>();
        IsSteering = false;
        forward.Context.Features.Set<IHttpResponseBodyFeature>(this);
        Volatile.Write(ref _use, (_use & ~StateMask) | Open);
    }

    /// <summary>Waits the moment that a cut takes, because the context is another request's afterwards.</summary>
    public void End()
    {
        var spin = default(SpinWait);
        long before;
        while (((before = Volatile.Read(ref _use)) & StateMask) == Cutting || Interlocked.CompareExchange(ref _use, ((before & ~StateMask) + OneUse) | Free, before) != before)
        {
            spin.SpinOnce();
        }

        _forward.Context.Features.Set(_inner);
        _forward = default;
        _inner = null!;
    }

    /// <summary>Null: nothing is in progress.</summary>
    /// <param name="lookAgainAt">When one that is seen for the first time is due.</param>
    public LastingAnswer? Lasting(DateTimeOffset lookAgainAt)
    {
        var use = Volatile.Read(ref _use);
        if ((use & StateMask) != Open)
        {
            return null;
        }

        var known = Volatile.Read(ref _lasting);
        if (known is not null && known.IsOf(use))
        {
            return known;
        }

        var forward = _forward;
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _use) != use)
        {
            // What was read may be of two requests.
            return null;
        }

        var seen = new LastingAnswer(this, use, forward) { LookAgainAt = lookAgainAt };
        var before = Interlocked.CompareExchange(ref _lasting, seen, known);
        return before == known ? seen : before!.IsOf(use) ? before : null;
    }

    public void Cut(long use)
    {
        if (Interlocked.CompareExchange(ref _use, (use & ~StateMask) | Cutting, use) == use)
        {
            _forward.Context.Abort();
            Volatile.Write(ref _use, (use & ~StateMask) | WasCut);
        }
    }

    public void DisableBuffering() => _inner.DisableBuffering();

    public Task StartAsync(CancellationToken cancellationToken = default) => _inner.StartAsync(cancellationToken);

    public Task SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken = default) =>
        _inner.SendFileAsync(path, offset, count, cancellationToken);

    public Task CompleteAsync() => _inner.CompleteAsync();

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        _forward.Traffic.ToClient(buffer.Length, isUse: true);
        return _inner.Stream.WriteAsync(buffer, cancellationToken);
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken) => _inner.Stream.FlushAsync(cancellationToken);

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Flush() => throw new NotSupportedException("Answers are written asynchronously.");

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("Answers are written asynchronously.");
}
