typedef int... num; typedef float... real; typedef ... op; typedef ... *hp;
struct s { num a[...]; struct { int x; ...; } m[2]; union { int u; char v; }; ...; };
typedef struct { int q[...][3]; ...; } *tp; typedef enum { CA, CB = ..., ... } e_t;
extern const int arr[...]; typedef int vec[...];
static const int K; static const long L = 5;
#define X ...
#define Y 11
struct c { char a; int b; struct { char x, y; }; }; enum f { F1, F2 = -3 };
struct o { struct s in; struct { int z[...]; }; int : 3; };
