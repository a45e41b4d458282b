using Gateway.Proxying;
using Gateway.Proxying.Sockets;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Gateway.Tests.Proxying;

public sealed class OpenSocketsTests : IDisposable
{
    private static readonly MachineId Machine = new("m1");

    private readonly OpenSockets _sockets = new(Microsoft.Extensions.Options.Options.Create(new ProxyingOptions()), TimeProvider.System);

    public void Dispose() => _sockets.Dispose();

    [Fact]
    public void Sockets_AreFoundByTheirUser_UntilTheyEnd()
    {
        var (first, second, other) = (Opened("alice"), Opened("alice"), Opened("bob"));

        Assert.Equal([first, second], _sockets.Of(new UserId("alice")));
        Assert.Equal(3, _sockets.Count);

        _sockets.Remove(first);
        _sockets.Remove(other);

        Assert.Equal([second], _sockets.Of(new UserId("alice")));
        Assert.Empty(_sockets.Of(new UserId("bob")));
        Assert.Equal([second], _sockets.All);
    }

    [Fact]
    public void SocketRemovedTwice_IsCountedOnce()
    {
        var (first, _) = (Opened("alice"), Opened("alice"));

        _sockets.Remove(first);
        _sockets.Remove(first);

        Assert.Equal(1, _sockets.Count);
    }

    [Fact]
    public void SocketsOfOneUser_OpenedAndEndedAtOnce_AreAllForgotten()
    {
        Parallel.For(0, 1000, _ => _sockets.Remove(Opened("alice")));

        Assert.Equal(0, _sockets.Count);
        Assert.Empty(_sockets.All);
    }

    /// <summary>They are looked through with every change of a session and every look at credentials, on every replica.</summary>
    [Fact]
    public void LookingThroughAllSockets_CopiesNone()
    {
        for (var user = 0; user < 1000; user++)
        {
            Opened($"user-{user}");
        }

        _ = _sockets.All.Any(static socket => socket.Pings > 0);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var any = _sockets.All.Any(static socket => socket.Pings > 0);

        Assert.False(any);
        // A reference to each would be eight thousand.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 2000);
    }

    private OpenSocket Opened(string user)
    {
        var socket = new OpenSocket(Machine, new UserId(user), new SocketStream(Stream.Null, true, new Traffic(TimeProvider.System), TimeProvider.System), new DefaultHttpContext());
        _sockets.Add(socket);
        return socket;
    }
}
