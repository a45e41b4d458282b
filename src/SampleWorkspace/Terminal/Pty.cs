using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using static SampleWorkspace.Terminal.PtyNative;

namespace SampleWorkspace.Terminal;

/// <summary>A pseudo terminal with a program on it. Disposing hangs up, as closing a terminal's window does, and reaps the program.</summary>
internal sealed class Pty : IAsyncDisposable
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan HangUpGrace = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan KillGrace = TimeSpan.FromSeconds(5);

    private readonly SafeFileHandle _master;
    private readonly TimeProvider _time;
    private volatile bool _ended;

    private Pty(SafeFileHandle master, int process, TimeProvider time)
    {
        (_master, Process, _time) = (master, process, time);
    }

    public int Process { get; }

    public static Pty Start(string[] command, IReadOnlyDictionary<string, string> environment, string folder, int columns, int rows, TimeProvider time)
    {
        var descriptor = OpenMaster(ReadWrite | NoControllingTerminal | CloseOnExec | NonBlocking);
        var master = new SafeFileHandle(Check(descriptor), ownsHandle: true);
        try
        {
            Check(Grant(master));
            Check(Unlock(master));
            Resize(master, columns, rows);
            return new Pty(master, PtySpawn.Start(command, environment, folder, NameOfSlave(master)), time);
        }
        catch
        {
            master.Dispose();
            throw;
        }
    }

    /// <summary>Waits for output, on the caller's thread. 0 when the program has gone.</summary>
    public unsafe int Read(Span<byte> buffer)
    {
        var entry = new PollEntry { Descriptor = (int)_master.DangerousGetHandle(), Events = PollIn };
        while (true)
        {
            // Bounded, because the end of the program should hang the terminal up but need not.
            _ = PtyNative.Poll(&entry, 1, 1000);
            fixed (byte* start = buffer)
            {
                var read = PtyNative.Read(_master, start, (nuint)buffer.Length);
                if (read >= 0)
                {
                    return (int)read;
                }
            }

            if (_ended || Marshal.GetLastPInvokeError() is not (Interrupted or TryAgain))
            {
                // EIO: nobody has the terminal open any more.
                return 0;
            }
        }
    }

    /// <summary>A program that does not read makes the terminal refuse input; this then waits without a thread.</summary>
    public async Task WriteAsync(ReadOnlyMemory<byte> input, CancellationToken cancellation)
    {
        while (input.Length > 0)
        {
            var written = Write(input.Span);
            if (written < 0)
            {
                return;
            }

            input = input[written..];
            if (input.Length > 0)
            {
                await Task.Delay(Poll, _time, cancellation);
            }
        }
    }

    /// <summary>The kernel tells the program with SIGWINCH.</summary>
    public void Resize(int columns, int rows) => Resize(_master, columns, rows);

    /// <summary>What closing a terminal's window does.</summary>
    public void HangUp()
    {
        if (!_ended)
        {
            _ = Signal(-Process, PtyNative.HangUp);
        }
    }

    /// <summary>Hangs up, insists if need be, and reaps the program. The terminal can be read to its end after this, and no longer.</summary>
    public async Task EndAsync()
    {
        if (HasEnded())
        {
            return;
        }

        HangUp();
        if (!await EndsWithinAsync(HangUpGrace))
        {
            _ = Signal(-Process, Kill);
            await EndsWithinAsync(KillGrace);
            _ended = true;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        _master.Dispose();
    }

    private unsafe int Write(ReadOnlySpan<byte> input)
    {
        fixed (byte* start = input)
        {
            var written = PtyNative.Write(_master, start, (nuint)input.Length);
            return written >= 0 ? (int)written : Marshal.GetLastPInvokeError() is Interrupted or TryAgain ? 0 : -1;
        }
    }

    private async Task<bool> EndsWithinAsync(TimeSpan limit)
    {
        var since = _time.GetTimestamp();
        while (!HasEnded())
        {
            if (_time.GetElapsedTime(since) > limit)
            {
                return false;
            }

            await Task.Delay(Poll, _time);
        }

        return true;
    }

    // Any answer but 0 means there is no child to wait for any more; asking again would ask about somebody else's process.
    private bool HasEnded() => _ended || (_ended = Wait(Process, out _, NoHang) != 0);

    private static void Resize(SafeFileHandle master, int columns, int rows) =>
        Check(Control(master, SetWindowSize, new WindowSize { Columns = (ushort)columns, Rows = (ushort)rows }));

    private static unsafe string NameOfSlave(SafeFileHandle master)
    {
        byte* name = stackalloc byte[64];
        var error = SlaveName(master, name, 64);
        return error == 0 ? Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(name)) : throw new Win32Exception(error);
    }

    private static int Check(int result) => result >= 0 ? result : throw new Win32Exception(Marshal.GetLastPInvokeError());
}
