using System.ComponentModel;
using System.Runtime.InteropServices;
using static SampleWorkspace.Terminal.PtyNative;

namespace SampleWorkspace.Terminal;

/// <summary>Starts a program as leader of a session of its own, with a terminal as its controlling terminal.</summary>
internal static unsafe class PtySpawn
{
    // Larger than the C library's opaque types (80, 336 and 128 bytes).
    private const int Opaque = 512;

    public static int Start(string[] command, IReadOnlyDictionary<string, string> environment, string folder, string terminal)
    {
        byte* actions = stackalloc byte[Opaque];
        byte* attributes = stackalloc byte[Opaque];
        byte* signals = stackalloc byte[Opaque];
        using var strings = new NativeStrings();
        Check(ActionsInit(actions));
        Check(AttributesInit(attributes));
        try
        {
            // The child starts its session first and opens the terminal after: a session leader's first terminal becomes its controlling one.
            Check(ActionsOpen(actions, 0, strings.Add(terminal), ReadWrite, 0));
            Check(ActionsDuplicate(actions, 0, 1));
            Check(ActionsDuplicate(actions, 0, 2));
            Check(ActionsChangeDirectory(actions, strings.Add(folder)));

            // The runtime ignores SIGPIPE and blocks some signals; a shell would hand that on to all it starts.
            Check(SignalsAll(signals));
            Check(AttributesSignalDefaults(attributes, signals));
            Check(SignalsNone(signals));
            Check(AttributesSignalMask(attributes, signals));
            Check(AttributesFlags(attributes, SpawnSetSession | SpawnSetSignalDefaults | SpawnSetSignalMask));

            Check(Spawn(
                out var process, strings.Add(command[0]), actions, attributes, strings.AddAll(command),
                strings.AddAll(environment.Select(variable => $"{variable.Key}={variable.Value}"))));
            return process;
        }
        finally
        {
            _ = AttributesDestroy(attributes);
            _ = ActionsDestroy(actions);
        }
    }

    private static void Check(int error)
    {
        if (error != 0)
        {
            throw new Win32Exception(error);
        }
    }

    private sealed class NativeStrings : IDisposable
    {
        private readonly List<nint> _blocks = [];

        public byte* Add(string text)
        {
            var block = Marshal.StringToCoTaskMemUTF8(text);
            _blocks.Add(block);
            return (byte*)block;
        }

        public byte** AddAll(IEnumerable<string> texts)
        {
            var pointers = texts.Select(text => (nint)Add(text)).Append(0).ToArray();
            var block = Marshal.AllocCoTaskMem(pointers.Length * sizeof(nint));
            _blocks.Add(block);
            Marshal.Copy(pointers, 0, block, pointers.Length);
            return (byte**)block;
        }

        public void Dispose() => _blocks.ForEach(Marshal.FreeCoTaskMem);
    }
}
