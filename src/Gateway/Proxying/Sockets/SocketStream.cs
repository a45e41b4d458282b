namespace Gateway.Proxying.Sockets;

/// <summary>
/// The client's end of an upgraded connection. Bytes pass unchanged; frame headers are read as they go by, so that data can be told from Ping and Pong
/// and the gateway's own frames fit between two others. One reader and one writer (the forwarder's copiers) and, beside them, the gateway.
/// </summary>
internal sealed class SocketStream(Stream client, bool isWebSocket, Traffic traffic, TimeProvider time) : Stream
{
    private readonly FrameReader? _fromClient = isWebSocket ? new FrameReader() : null;
    private readonly FrameReader? _toClient = isWebSocket ? new FrameReader() : null;
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly TaskCompletionSource<byte[]> _closing = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // Set under _writing; afterwards nothing of the workspace's goes to the client.
    private volatile bool _closeSent;
    private byte[]? _toWorkspace;
    private long _lastFromClient = time.GetTimestamp();
    private long _lastToClient = time.GetTimestamp();

    public bool IsWebSocket => isWebSocket;

    /// <summary>How long nothing at all came from the client.</summary>
    public TimeSpan SilenceOfClient => time.GetElapsedTime(Volatile.Read(ref _lastFromClient));

    /// <summary>How long nothing at all passed in either direction.</summary>
    public TimeSpan Silence => time.GetElapsedTime(Math.Max(Volatile.Read(ref _lastFromClient), Volatile.Read(ref _lastToClient)));

    /// <summary>Completes when the connection is over.</summary>
    public Task Ended => _ended.Task;

    /// <summary>
    /// Ends the socket with a Close frame towards the client and a masked one towards the workspace, each between two frames. False: this is no
    /// WebSocket, or one end is in the middle of a frame and did not leave it in time; the connection can only be cut.
    /// </summary>
    public async Task<bool> CloseAsync(ushort code, string reason, TimeSpan limit)
    {
        if (!isWebSocket || !await _writing.WaitAsync(limit))
        {
            return false;
        }

        try
        {
            if (_closeSent || !_toClient!.AtBoundary || _toClient.Closed)
            {
                return _closeSent || _toClient!.Closed;
            }

            _closeSent = true;
            using var bound = new CancellationTokenSource(limit, time);
            await client.WriteAsync(ControlFrames.Close(code, reason), bound.Token);
            await client.FlushAsync(bound.Token);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
        {
            return false;
        }
        finally
        {
            _writing.Release();
            _closing.TrySetResult(ControlFrames.MaskedClose(code, reason));
        }

        return true;
    }

    /// <summary>Sends a Ping unless the workspace is in the middle of a frame or already writing: then the connection is not silent anyway.</summary>
    public async Task PingAsync(CancellationToken cancellationToken)
    {
        if (!isWebSocket || !await _writing.WaitAsync(TimeSpan.Zero, cancellationToken))
        {
            return;
        }

        try
        {
            if (!_closeSent && _toClient!.AtBoundary && !_toClient.Closed)
            {
                await client.WriteAsync(ControlFrames.Ping, cancellationToken);
                await client.FlushAsync(cancellationToken);
                Volatile.Write(ref _lastToClient, time.GetTimestamp());
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException or InvalidOperationException)
        {
            // The connection is over; its copiers find out by themselves.
        }
        finally
        {
            _writing.Release();
        }
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_toWorkspace is not null || _closing.Task.IsCompleted)
        {
            return TakeClose(buffer.Span);
        }

        var reading = client.ReadAsync(buffer, cancellationToken);
        // The forwarder waits with an empty buffer for data to come. Such a read can be left behind when the socket must close; one with a buffer cannot.
        if (!reading.IsCompleted && buffer.IsEmpty && isWebSocket)
        {
            var waiting = reading.AsTask();
            if (await Task.WhenAny(waiting, _closing.Task) != waiting)
            {
                _ = waiting.ContinueWith(static task => _ = task.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
                return 0;
            }

            return await waiting;
        }

        var read = await reading;
        if (read > 0)
        {
            var isUse = _fromClient?.Pass(buffer.Span[..read]) ?? true;
            Volatile.Write(ref _lastFromClient, time.GetTimestamp());
            traffic.ToWorkspace(read, isUse);
        }

        return read;
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!_writing.Wait(0, CancellationToken.None))
        {
            await _writing.WaitAsync(cancellationToken);
        }

        try
        {
            if (_closeSent)
            {
                return;
            }

            var isUse = _toClient?.Pass(buffer.Span) ?? true;
            Volatile.Write(ref _lastToClient, time.GetTimestamp());
            traffic.ToClient(buffer.Length, isUse);
            await client.WriteAsync(buffer, cancellationToken);
        }
        finally
        {
            _writing.Release();
        }
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => client.FlushAsync(cancellationToken);

    /// <summary>The workspace's Close comes only between two of the client's frames; in the middle of one, the end of the stream must do.</summary>
    private int TakeClose(Span<byte> buffer)
    {
        _toWorkspace ??= _fromClient is { AtBoundary: true, Closed: false } ? _closing.Task.Result : [];
        if (buffer.IsEmpty)
        {
            return 0;
        }

        var taken = Math.Min(buffer.Length, _toWorkspace.Length);
        _toWorkspace.AsSpan(0, taken).CopyTo(buffer);
        _toWorkspace = _toWorkspace[taken..];
        return taken;
    }

    public void End() => _ended.TrySetResult();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            client.Dispose();
        }

        base.Dispose(disposing);
    }

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Flush() => throw new NotSupportedException();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
